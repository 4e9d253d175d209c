"""The notebook image is what Kubeflow Notebooks asks of one, and has what the steps have."""

from __future__ import annotations

import json
import re
import zipfile

import pytest

from stellwerk import __version__

from .notebooks import HOME, answering, empty_home, object_of, prefix_of, started

PREFIX = prefix_of(object_of("Notebook"))


@pytest.fixture(scope="module")
def home(client, notebook_image, tmp_path_factory):
    return empty_home(client, notebook_image, tmp_path_factory.mktemp("volumes") / "home", 100)


@pytest.fixture(scope="module")
def lab(client, notebook_image, home):
    """The server of the Notebook."""
    with started(client, notebook_image, home) as running:
        yield answering(running, PREFIX)


@pytest.fixture(scope="module")
def kernel(lab):
    with lab.kernel() as running:
        yield running


def test_it_is_the_image_of_the_steps_and_one_more_layer_of_libraries(client, image, notebook_image):
    steps, notebook = (client.images.get(name).attrs["RootFS"]["Layers"] for name in (image, notebook_image))
    assert notebook[: len(steps)] == steps
    assert len(notebook) > len(steps)


def test_it_is_user_jovyan_at_port_8888_and_starts_its_server_by_itself(client, notebook_image):
    config = client.images.get(notebook_image).attrs["Config"]
    assert config["User"] == "1000:0"
    assert list(config["ExposedPorts"]) == ["8888/tcp"]
    assert config["WorkingDir"] == HOME
    assert f"HOME={HOME}" in config["Env"]
    assert [*config["Entrypoint"], *config["Cmd"]] == ["tini", "--", "jupyter", "lab"]
    assert config["Labels"]["org.opencontainers.image.title"] == "stellwerk-notebook"
    assert config["Labels"]["org.opencontainers.image.version"] == __version__


def test_what_is_built_without_a_target_is_the_image_of_the_steps(client, image):
    config = client.images.get(image).attrs["Config"]
    assert config["Cmd"] == ["stellwerk", "--help"]
    assert config["Labels"]["org.opencontainers.image.title"] == "stellwerk"
    said = client.containers.run(
        image, ["sh", "-c", "command -v pip; ls /home; true"], network_mode="none", remove=True
    )
    assert said.decode().split() == ["stellwerk"]


def test_all_of_it_is_below_the_path_that_kubeflow_names(lab):
    assert json.loads(lab.ask("/api").body)["version"]
    assert "JupyterLab" in lab.ask("/lab").body
    assert lab.ask("/").headers["Location"].rstrip("?") == f"{PREFIX}/lab"
    outside = type(lab)(lab.url.removesuffix(PREFIX))
    assert [outside.ask(path).status for path in ("/", "/api", "/lab")] == [404, 404, 404]


def test_the_platform_asks_who_it_is_and_the_server_does_not(lab):
    assert lab.ask("/lab").status == 200
    assert lab.ask("/api/contents").status == 200


def test_it_answers_whoever_looks_for_idle_servers(lab):
    """As Kubeflow's controller does, from another address, with no cookie and no token."""
    asked = type(lab)(lab.url).ask("/api/kernels", Host="churn.team-flights.svc.cluster.local")
    assert (asked.status, json.loads(asked.body)) == (200, [])


def test_pages_of_other_hosts_may_show_it(lab):
    answer = lab.ask("/api/contents", Origin="https://dashboard.example", Host="kubeflow.example")
    assert (answer.status, answer.headers["Access-Control-Allow-Origin"]) == (200, "*")


def test_nothing_is_fetched_from_the_web(lab):
    (config,) = re.findall(r'<script id="jupyter-config-data"[^>]*>(.*?)</script>', lab.ask("/lab").body, re.DOTALL)
    told = json.loads(config)
    assert "@jupyterlab/apputils-extension:announcements" in told["disabledExtensions"]
    assert told["extensionManager"]["name"] == "read-only"
    assert json.loads(lab.ask("/lab/api/news").body)["news"] == []
    assert json.loads(lab.ask("/lab/api/update").body)["notification"] is None


def test_a_forged_request_that_changes_something_is_refused(lab):
    refused = type(lab)(lab.url).ask("/api/kernels", "POST", {"name": "python3"}, Origin="https://evil.example")
    assert refused.status == 403
    assert "_xsrf" in refused.body


def test_a_cell_has_the_libraries_of_the_steps(kernel, client, image):
    asked = "import stellwerk, tensorflow, sys; print(stellwerk.__version__, tensorflow.__version__, sys.version)"
    ran = kernel.run(asked)
    assert ran.error == ""
    step = client.containers.run(image, ["python3", "-c", asked], network_mode="none", remove=True)
    assert ran.text.splitlines()[-1] == step.decode().splitlines()[-1]


def test_a_cell_checks_a_spec(kernel):
    data = "age,left\n" + "".join(f"{age},{int(age > 40)}\n" for age in range(18, 90))
    spec = "name: small\ndata: {sources: {people: people.csv}}\nfeatures: {age: {type: number}}\n"
    spec += "target: {column: left, type: binary}\nmodel: {type: dense, hidden: [4]}\n"
    assert kernel.run(f"%%writefile people.csv\n{data}").error == ""
    assert kernel.run(f"%%writefile small.yaml\n{spec}").error == ""
    checked = kernel.run("!stellwerk check small.yaml")
    assert (checked.text.strip().splitlines()[-1], checked.status) == ("small.yaml: ok", "0")
    wrong = kernel.run("!stellwerk check small.yaml --set features.age.type=numbr")
    assert wrong.status == "2"
    assert "Did you mean 'number'?" in wrong.text


def test_a_terminal_has_the_command_line(lab):
    assert f"version {__version__}" in lab.typed("stellwerk --version; echo en''d", "end")


def test_what_a_notebook_leaves_in_its_home_is_there_after_the_pod(kernel, home):
    assert kernel.run("print('kept', file=open('kept.txt', 'w'))").error == ""
    kept = home / "kept.txt"
    assert kept.read_text() == "kept\n"
    assert kept.stat().st_uid == 1000
    assert kept.stat().st_mode & 0o004  # steps on the cluster are another user, and read the workspace


def test_a_package_of_ones_own_lies_in_the_home_and_replaces_none_of_the_steps(kernel, lab, home):
    for name, version in (("ownthing", "1.0"), ("pyarrow", "0.1")):
        about = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(home / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", "WHERE = __file__\n")
            wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")
    installed = kernel.run("%pip install --no-index ownthing-1.0-py3-none-any.whl")
    assert "Successfully installed ownthing-1.0" in installed.text
    refused = kernel.run("%pip install --no-index pyarrow-0.1-py3-none-any.whl")
    assert "Successfully installed" not in refused.text
    assert "constraint" in refused.text
    with lab.kernel() as fresh:
        ran = fresh.run("import ownthing, pyarrow; print(ownthing.WHERE, pyarrow.__file__)")
    assert re.fullmatch(rf"{HOME}/.local/\S+ /opt/stellwerk/\S+\n", ran.text), ran.error or ran.text


def test_nobody_else_in_the_pod_reaches_a_kernel(kernel):
    asked = "import pathlib\nfrom ipykernel import get_connection_info\nat = get_connection_info(unpack=True)\n"
    asked += "where = pathlib.Path(at['ip']).parent\nprint(at['transport'], where, oct(where.stat().st_mode & 0o777))"
    ran = kernel.run(asked)
    assert (ran.error, ran.text) == ("", "ipc /tmp/jupyter-runtime 0o700\n")


def test_what_a_kernel_leaves_behind_is_buried(kernel):
    orphan = "import subprocess; subprocess.run(['sh', '-c', 'sleep 0.1 & exit'])"
    assert kernel.run(orphan).error == ""
    dead = "import pathlib, time; time.sleep(1)\n"
    dead += "print([p.name for p in pathlib.Path('/proc').glob('[0-9]*') if ') Z ' in (p / 'stat').read_text()])"
    assert kernel.run(dead).text == "[]\n"
