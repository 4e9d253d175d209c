"""How the server of the notebook image is reached: on Kubeflow through its gateway, anywhere else with a token.

Jupyter reads it as /etc/jupyter/jupyter_server_config.py. What stands on its command line, or in the home, is read after it.
docs/decisions/0024-notebook-image.md says why.
"""

import os

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - Jupyter hands it in
prefix = os.environ.get("NB_PREFIX", "").rstrip("/")

# A container is reached from outside by no other address of its own; another port than the one that was said helps nobody.
c.ServerApp.ip = "*"
c.ServerApp.port = 8888
c.ServerApp.port_retries = 0
c.ServerApp.open_browser = False
c.ServerApp.root_dir = os.environ["HOME"]

# Kubeflow names the path, knows who asks before it lets him through, and asks itself how the kernels are.
if prefix:
    c.ServerApp.base_url = prefix
    c.ServerApp.allow_origin = "*"
    c.ServerApp.allow_remote_access = True
    c.ServerApp.authenticate_prometheus = False
    c.IdentityProvider.token = os.environ.get("JUPYTER_TOKEN", "")

# Kernels are reached by files in /tmp that belong to the server, and by no port, which everybody in the pod might try.
c.KernelManager.transport = "ipc"

# Nothing is fetched from the web: neither news, nor word of newer versions, nor a catalogue of extensions. What asks whether to
# is left out of the page by page_config.json.
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"
