"""A jar that names others, as Java reads it; `tests/flink` starts a job server from one."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile

from stellwerk.components.beam.thin_jar import FLINK

COMMAND = [sys.executable, "-m", "stellwerk.components.beam.thin_jar"]


def _manifest(jar):
    with zipfile.ZipFile(jar) as opened:
        assert opened.namelist() == ["META-INF/MANIFEST.MF"]
        return opened.read("META-INF/MANIFEST.MF").decode("ascii")


def test_it_names_the_jars_of_a_folder_in_lines_that_java_reads(tmp_path):
    folder = tmp_path / "jars of Beam"
    folder.mkdir()
    for number in range(40):
        (folder / f"beam-{number:02}.jar").write_bytes(b"PK")
    (folder / "README").write_text("no jar")
    subprocess.run([*COMMAND, str(tmp_path / "thin.jar"), str(folder)], check=True)
    manifest = _manifest(tmp_path / "thin.jar")
    lines = manifest.split("\r\n")
    assert lines.pop() == "", "the last line has an end too"
    assert max(map(len, lines)) <= 72
    unfolded = dict(line.split(": ", 1) for line in re.sub("\r\n ", "", manifest).splitlines())
    assert unfolded["Main-Class"] == FLINK
    named = unfolded["Class-Path"].split(" ")
    assert named == [f"file://localhost{tmp_path}/jars%20of%20Beam/beam-{number:02}.jar" for number in range(40)]


def test_folders_in_their_order_another_main_class_and_a_folder_without_jars(tmp_path):
    for folder, name in (("b", "one.jar"), ("a", "two.jar")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(b"PK")
    main = "org.apache.beam.runners.spark.SparkJobServerDriver"
    folders = [str(tmp_path / folder) for folder in ("b", "a")]
    subprocess.run([*COMMAND, str(tmp_path / "thin"), *folders, "--main", main], check=True)
    unfolded = re.sub("\r\n ", "", _manifest(tmp_path / "thin"))
    assert f"Main-Class: {main}\r\n" in unfolded
    assert f"Class-Path: file://localhost{tmp_path}/b/one.jar file://localhost{tmp_path}/a/two.jar\r\n" in unfolded
    (tmp_path / "none").mkdir()
    command = [*COMMAND, str(tmp_path / "x.jar"), *folders, str(tmp_path / "none")]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 2
    assert f"there are no jars in {tmp_path / 'none'}" in said.stderr
