# The image, and what its tests need besides. The tests themselves are mounted.
ARG IMAGE
FROM ${IMAGE}
USER root
WORKDIR /build
RUN apt-get update --quiet \
 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends python3-pip \
 && rm -rf /var/lib/apt/lists/*
COPY setup.py ./
COPY constraints constraints
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    if [ -s /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && python3 constraints/requirements.py examples,dev >requirements.txt \
 && pip --python /opt/stellwerk/bin/python install --quiet --no-cache-dir \
        --requirement requirements.txt --constraint constraints/current.txt
USER 10001:10001
