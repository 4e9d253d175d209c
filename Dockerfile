# One image for every step, for `stellwerk serve` and for the other commands. What it is made of, and how to make another:
# docs/guides/image.md. The target `notebook` adds JupyterLab to it: docs/guides/notebooks.md.
#
#   docker build -t stellwerk:0.1.0 .
#   docker build -t stellwerk-notebook:0.1.0 --target notebook .
#
# BASE and CONSTRAINTS go together, as the Python of one decides the stack of the other: with
# BASE=python:3.11-slim-bookworm CONSTRAINTS=older the image has the older stack.
ARG BASE=debian:trixie-slim

# One small package has no wheels: the compiler for it stays in the stages before the last, and so does pip.
FROM ${BASE} AS tools
RUN apt-get update --quiet \
 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends \
        binutils g++ python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/stellwerk
# An index or a certificate authority of your own comes in as a secret, which no layer keeps.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    if [ -s /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && /opt/pip/bin/pip install --quiet --no-cache-dir 'setuptools>=77'

FROM tools AS requirements
# The extras of setup.py; with `gpu` TensorFlow brings NVIDIA's libraries along.
ARG EXTRAS=runtime,formats,s3,images
COPY setup.py /build/
COPY constraints /build/constraints
RUN /opt/pip/bin/python /build/constraints/requirements.py "${EXTRAS}" >/requirements.txt \
 && /opt/pip/bin/python /build/constraints/requirements.py notebook >/notebook.txt \
 && touch --date=@0 /requirements.txt /notebook.txt

# The libraries are layers of their own, made anew only when what is required changes.
FROM tools AS build
ARG CONSTRAINTS=current
WORKDIR /build
COPY constraints/${CONSTRAINTS}.txt constraints.txt
COPY --from=requirements /requirements.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    if [ -s /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && /opt/pip/bin/pip --python /opt/stellwerk/bin/python install --quiet --no-cache-dir --no-compile \
        --requirement requirements.txt --constraint constraints.txt
# What no step reads, each line for its reason: headers and static libraries build extensions; libclang is for generating
# TensorFlow's own sources; Vertex AI's client is for Beam's remote inference; tests test the libraries; symbols are for debuggers.
# What auditwheel patched (`*.libs`) is left as it is, as older binutils break it; NVIDIA's libraries have no symbols to lose.
RUN cd /opt/stellwerk/lib/python3*/site-packages \
 && rm -rf tensorflow/include pyarrow/include pyarrow/src nvidia/*/include \
 && rm -rf clang libclang-*.dist-info \
 && rm -rf google/cloud/aiplatform* vertexai agentplatform google_cloud_aiplatform-*.dist-info \
 && find . -type d \( -name tests -o -path ./onnx/backend/test -o -path ./scipy/_lib/array_api_compat/tests \) -prune \
        -exec rm -rf {} + \
 && find . \( -name '*.a' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.h' -o -name '*.c' -o -name '*.cc' -o -name '*.hpp' \) -delete \
 && find . \( -name '*.libs' -o -path ./nvidia \) -prune \
        -o \( -name '*.so' -o -name '*.so.*' \) -size +1M -exec strip --strip-unneeded {} +
# Without bytecode every import of TensorFlow takes two to three times as long, and the root file system may be read-only.
# A few files of the libraries are templates that no Python compiles: hence no word about them.
RUN python3 -m compileall -qq -j 0 --invalidation-mode unchecked-hash /opt/stellwerk/lib || true

# JupyterLab, a layer of its own too: only what it adds to the libraries. Source maps are for debuggers in a browser.
FROM build AS jupyter
COPY --from=requirements /notebook.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    --mount=type=secret,id=ca.pem,target=/run/secrets/ca.pem \
    if [ -s /run/secrets/ca.pem ]; then export PIP_CERT=/run/secrets/ca.pem; fi \
 && mkdir --parents /jupyter/opt/stellwerk \
 && /opt/pip/bin/pip --python /opt/stellwerk/bin/python install --quiet --no-cache-dir --no-compile \
        --prefix /jupyter/opt/stellwerk --requirement notebook.txt --constraint constraints.txt 'pip>=25'
# What a person adds by that pip lies in the home, and is found after all that is here.
COPY notebook/pip.conf /jupyter/opt/stellwerk/
RUN cd /jupyter/opt/stellwerk \
 && cp /build/constraints.txt . \
 && python3 -c "from sysconfig import get_path as path; print(path('purelib', 'posix_prefix', {'base': '/home/jovyan/.local'}))" \
        >"$(echo lib/python3*/site-packages)/home.pth" \
 && find . -type d -name tests -prune -exec rm -rf {} + \
 && find . -name '*.map' -delete \
 && { python3 -m compileall -qq -j 0 --invalidation-mode unchecked-hash -s /jupyter /jupyter/opt/stellwerk/lib || true; }

# Stellwerk itself, a small layer of its own: only what it adds to the libraries.
FROM build AS package
COPY . /source
RUN /opt/pip/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels /source \
 && /opt/pip/bin/pip --python /opt/stellwerk/bin/python install --quiet --no-deps --no-index --no-compile /wheels/*.whl \
 && cd /opt/stellwerk \
 && python3 -m compileall -q --invalidation-mode unchecked-hash lib/python3*/site-packages/stellwerk \
 && mkdir /package \
 && cp --archive --parents bin/stellwerk lib/python3*/site-packages/stellwerk lib/python3*/site-packages/stellwerk-*.dist-info /package

FROM ${BASE} AS step
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="stellwerk" \
      org.opencontainers.image.description="The steps of Stellwerk's pipelines, and its model server" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
RUN if ! command -v python3 >/dev/null; then \
        apt-get update --quiet \
     && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends python3 \
     && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/*; \
    fi \
 && useradd --uid 10001 --user-group --create-home --shell /usr/sbin/nologin stellwerk
COPY --from=build /opt/stellwerk /opt/stellwerk
COPY --from=package /package /opt/stellwerk
# The same quiet frameworks, the same numbers and the same order of sets as in the embedded runner. /tmp is the one folder
# that has to be writable, also for a user that /etc/passwd does not know.
ENV PATH=/opt/stellwerk/bin:$PATH \
    HOME=/tmp USER=stellwerk LOGNAME=stellwerk \
    PYTHONUNBUFFERED=1 PYTHONHASHSEED=0 \
    TF_CPP_MIN_LOG_LEVEL=3 TF_ENABLE_ONEDNN_OPTS=0
USER 10001:10001
WORKDIR /home/stellwerk
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python3", "-m", "stellwerk.health"]
# No entry point: Kubeflow, and anyone who tries a step, says the whole command.
CMD ["stellwerk", "--help"]

# The same with JupyterLab, as Kubeflow wants its notebook servers: user jovyan with the number 1000, or any other number with
# the group 0; a home that a volume takes the place of; port 8888. /etc/jupyter/jupyter_server_config.py has the rest.
FROM step AS notebook
LABEL org.opencontainers.image.title="stellwerk-notebook" \
      org.opencontainers.image.description="JupyterLab with the libraries of Stellwerk's steps, as a Kubeflow Notebook"
USER root
# Processes that a kernel leaves behind need a parent that buries them. A few bases have a user 1000 of their own. Terminals are
# login shells, which begin with Debian's search path.
RUN apt-get update --quiet \
 && DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* \
 && if name=$(getent passwd 1000 | cut -d: -f1) && [ -n "$name" ]; then userdel --remove "$name"; fi \
 && useradd --uid 1000 --gid 0 --groups users --create-home --shell /bin/bash jovyan \
 && chmod 0775 /home/jovyan \
 && echo 'PATH=/opt/stellwerk/bin:$PATH:/home/jovyan/.local/bin' >/etc/profile.d/stellwerk.sh
COPY --from=jupyter /jupyter /
COPY notebook/jupyter_server_config.py /etc/jupyter/
COPY notebook/page_config.json /etc/jupyter/labconfig/
ENV PATH=$PATH:/home/jovyan/.local/bin \
    HOME=/home/jovyan USER=jovyan LOGNAME=jovyan NB_USER=jovyan SHELL=/bin/bash \
    JUPYTER_RUNTIME_DIR=/tmp/jupyter-runtime
USER 1000:0
WORKDIR /home/jovyan
EXPOSE 8888
ENTRYPOINT ["tini", "--"]
CMD ["jupyter", "lab"]

# What is built where no target is named.
FROM step
