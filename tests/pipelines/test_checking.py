"""`check` holds the spec against the data and tells every misfit at its line, before anything runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stellwerk.errors import Problem
from stellwerk.loading import load
from stellwerk.pipelines.checking import check

ROOT = Path(__file__).parents[2]

SPEC = """\
name: flights
data:
  sources:
    flights: flights.csv
features:
  distance: {type: number}
  carrier: {type: category}
target: {column: late, type: binary}
"""
COLUMNS = "distance, delay, carrier, note, gate, dep, moment, late, month"

Check = Callable[..., list[str]]


def rows(number: int = 200) -> str:
    header = COLUMNS.replace(", ", ",")
    lines = [
        f"{100 + i},{i / 7:.3f},{'AA' if i % 3 else 'UA'},word {i},{'yes' if i % 2 else 'No'},{i % 24}{i % 60:02},"
        f"2013-01-{1 + i % 28:02}T05:00:00Z,{i % 2},{('train', 'train', 'eval', 'test')[i % 4]}"
        for i in range(number)
    ]
    return "\n".join([header, *lines, ""])


@pytest.fixture
def checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Checks the short spec with overrides against 200 rows of nine columns (or `data`); returns the problems as lines."""
    monkeypatch.chdir(tmp_path)

    def run(*overrides: str, data: str | None = None, spec: str = SPEC) -> list[str]:
        (tmp_path / "flights.csv").write_text(rows() if data is None else data, encoding="utf-8")
        (tmp_path / "p.yaml").write_text(spec, encoding="utf-8")
        return [str(problem) for problem in check(load(Path("p.yaml"), overrides))]

    return run


def test_a_spec_that_fits_its_data_has_no_problem(checked):
    assert checked() == []


def test_an_error_of_one_file_of_a_folder_is_told_at_the_line_of_its_source(checked, tmp_path):
    (tmp_path / "planes").mkdir()
    (tmp_path / "planes" / "one.csv").write_text("seats,seats\n1,2\n")
    two = "    flights: flights.csv\n    planes: planes\n  query: SELECT * FROM flights\n"
    (problem,) = checked(spec=SPEC.replace("    flights: flights.csv\n", two))
    assert problem.startswith(
        "p.yaml:5: data.sources.planes: planes/one.csv:1: duplicate column names: 'seats', 'seats'."
    )


def test_every_feature_type_fits_the_columns_it_is_for(checked):
    features = (
        "features={distance: {type: number}, delay: {type: number, scale: buckets}, carrier: {type: category}, "
        "note: {type: text}, gate: {type: boolean}, dep: {type: time, format: hhmm}, moment: {type: time}, "
        "both: {type: cross, columns: [carrier, distance]}}"
    )
    assert checked(features) == []


FITS = [
    ("features.distnce={type: number}", "--set features.distnce: there is no column 'distnce' in the data. Did you mean 'distance'? Columns: {columns}."),
    ("features.d={type: number, column: dist}", "--set features.d: features.d.column: there is no column 'dist' in the data. Did you mean 'distance'? Columns: {columns}."),
    ("features.x={type: cross, columns: [carrier, gat]}", "--set features.x: features.x.columns[1]: there is no column 'gat' in the data. Did you mean 'gate'? Columns: {columns}."),
    ("target.column=lat", "--set target.column: there is no column 'lat' in the data. Did you mean 'late'? Columns: {columns}."),
    ("data.split={by: hash, key: [months]}", "--set data.split: data.split.key[0]: there is no column 'months' in the data. Did you mean 'month'? Columns: {columns}."),
    ("data.split={by: time, column: mment}", "--set data.split: data.split.column: there is no column 'mment' in the data. Did you mean 'moment'? Columns: {columns}."),
    ("evaluate.slices=[[carier]]", "--set evaluate.slices: evaluate.slices[0][0]: there is no column 'carier' in the data. Did you mean 'carrier'? Columns: {columns}."),
    ("validate.drift={carriers: {l_infinity: 0.1}}", "--set validate.drift: validate.drift.carriers: there is no column 'carriers' in the data. Did you mean 'carrier'? Columns: {columns}."),
    ("features.carrier.type=number", "--set features.carrier.type: type: number, but 'carrier' holds texts such as 'UA'. Use type: category or text."),
    ("features.distance.type=text", "--set features.distance.type: type: text takes texts, but 'distance' holds whole numbers such as 100. Use type: number or category, or convert it with CAST in data.query."),
    ("features.delay={type: category}", "--set features.delay: features.delay.type: type: category takes whole numbers or texts, but 'delay' holds numbers with fractions such as 0. Use type: number, perhaps with scale: buckets, or convert it with CAST in data.query."),
    ("features.carrier.type=boolean", "--set features.carrier.type: 'carrier' has values that are neither true nor false: AA, UA. Use type: category or number."),
    ("features.distance.type=boolean", "--set features.distance.type: 'distance' has values that are neither true nor false: 100, 101, 102, 103, 104. Use type: category or number."),
    ("features.distance={type: time, format: iso}", "--set features.distance: features.distance.format: iso is text (2013-01-01T05:15:00Z), but 'distance' holds whole numbers. Use another format."),
    ("features.carrier={type: time}", "--set features.carrier: features.carrier.format: only 0% of the values in 'carrier' are times of format iso; one is 'UA'. Set `format`, or convert it in data.query."),
    ("features.carrier={type: time, format: hhmm}", "--set features.carrier: features.carrier.format: only 0% of the values in 'carrier' are times of format hhmm; one is 'UA'. Set `format`, or convert it in data.query."),
    ("target.type=regression", None),
    ("target={column: note, type: regression}", "--set target: target.type: is regression, but 'note' holds texts such as 'word 0'. Use type: multiclass, or convert it with CAST in data.query."),
    ("target={column: delay, type: multiclass}", "--set target: target.type: 'delay' holds fractions such as 0.143, which are quantities and no classes. Use type: regression."),
    ("target={column: month, type: binary}", "--set target: target.type: column 'month' is binary but has 3 values: 'eval', 'test', 'train'. Use type: multiclass, or make it two values in data.query."),
    ("target.positive=2", "--set target.positive: '2' does not occur in column 'late', which has 0 and 1."),
    ("target={column: gate, type: binary, positive: yes}", None),
    ("data.split={by: column, column: month}", None),
    ("data.split={by: column, column: month, test: tset}", "--set data.split: data.split.test: no row has 'tset' in 'month', so test would be empty. Did you mean 'test'? It holds: eval, test, train."),
    ("data.split={by: time, column: carrier}", "--set data.split: data.split.column: 'carrier' holds texts; a split by time needs a number or a timestamp. Give the source `types`, or convert it with CAST in data.query."),
    ("evaluate.slices=[[carrier, delay]]", "--set evaluate.slices: evaluate.slices[0][1]: 'delay' holds values that are rarely equal; slices are made of texts and whole numbers. Make ranges of it in data.query, e.g. CAST(delay / 100 AS BIGINT) AS delay_100."),
    ("validate.skew={delay: {l_infinity: 0.1}}", "--set validate.skew: validate.skew.delay.l_infinity: 'delay' holds numbers with fractions, and l_infinity compares the shares of single values. Use jensen_shannon."),
]  # fmt: skip


@pytest.mark.parametrize(("override", "message"), FITS, ids=[override for override, _ in FITS])
def test_a_misfit_is_told_with_what_came_and_what_to_do(checked, override: str, message: str | None):
    assert checked(override) == ([] if message is None else [message.format(columns=COLUMNS)])


def test_every_misfit_is_told_at_once_at_its_line(checked):
    spec = SPEC.replace("type: category", "type: number").replace("column: late", "column: lat") + (
        "evaluate:\n  slices:\n    - [carrier]\n    - [carier]\n"
    )
    told = checked(spec=spec)
    assert [line.partition(" ")[0] for line in told] == ["p.yaml:7:", "p.yaml:8:", "p.yaml:12:"]


class TestSuspiciousTargets:
    """The first rows may mislead: before a target is refused, all rows are looked at."""

    SORTED = "distance,carrier,late\n" + "".join(f"{row},AA,0\n" for row in range(11_000))

    def test_a_constant_target_is_told(self, checked):
        assert checked(data=self.SORTED) == [
            "p.yaml:8: target.column: 'late' is 0 in every row, so there is nothing to learn. "
            "Check the column, and the filters of data.query."
        ]

    def test_a_target_that_only_begins_constant_is_fine(self, checked):
        assert checked(data=self.SORTED + "1,UA,1\n") == []

    def test_a_target_without_any_value_is_told(self, checked):
        told = checked(data="distance,carrier,late\n" + "1,AA,\n" * 50)
        assert told == [
            "p.yaml:8: target.column: 'late' has no value in any row, so there is nothing to learn. "
            "Check the column, and the filters of data.query."
        ]

    def test_a_constant_regression_target_is_told(self, checked):
        (told,) = checked("target.type=regression", data=self.SORTED)
        assert told.startswith("p.yaml:8: target.column: 'late' is 0")

    def test_a_positive_value_far_down_is_found(self, checked):
        data = self.SORTED.replace("AA,0", "AA,no") + "1,UA,maybe\n"
        assert checked("target.positive=maybe", data=data) == []

    def test_a_split_value_far_down_is_found(self, checked):
        data = self.SORTED.replace("late", "late,part").replace("AA,0", "AA,0,train")
        data += "1,UA,1,train\n1,UA,1,eval\n1,UA,1,test\n"
        assert checked("data.split={by: column, column: part}", data=data) == []


class TestSources:
    def test_every_missing_file_is_told_at_the_line_of_its_source(self, checked):
        spec = SPEC.replace("flights: flights.csv\n", "a: flihgts.csv\n    b: {path: data/*.csv}\n  query: SELECT 1\n")
        first, second = checked(spec=spec)
        assert first.startswith("p.yaml:4: data.sources.a.path: no such file: 'flihgts.csv'")
        assert "Did you mean 'flights.csv'?" in first
        assert second.startswith("p.yaml:5: data.sources.b.path: no file matches 'data/*.csv'")

    @pytest.mark.parametrize(
        ("data", "message"),
        [
            ("", "p.yaml:4: data.sources.flights: "),
            (
                "distance,carrier,late\n",
                "p.yaml:4: data.sources.flights: flights.csv: there is a header and no row below it. Give a file with data.",
            ),
            ("a,a\n1,2\n", "p.yaml:4: data.sources.flights: "),
        ],
    )
    def test_a_source_that_cannot_be_used_is_told_at_its_line(self, checked, data: str, message: str):
        told = checked(data=data)
        assert told
        assert told[0].startswith(message)

    def test_a_query_that_is_wrong_is_told_at_its_line(self, checked):
        spec = SPEC.replace("features:", "  query: SELECT distanc, carrier, late FROM flights\nfeatures:")
        (told,) = checked(spec=spec)
        assert told.startswith("p.yaml:5: data.query: ")
        assert "distanc" in told

    def test_a_path_from_the_environment_is_not_printed(self, checked, monkeypatch):
        monkeypatch.setenv("FLIGHTS", "secret-place.csv")
        (told,) = checked(spec=SPEC.replace("flights.csv", "${FLIGHTS}"))
        assert "no such file: '${FLIGHTS}'" in told
        assert "secret" not in told


def test_without_data_only_the_spec_is_checked(tmp_path):
    (tmp_path / "p.yaml").write_text(SPEC, encoding="utf-8")
    assert check(load(tmp_path / "p.yaml"), data=False) == []


def test_problems_are_problems_with_file_line_and_path(checked, tmp_path):
    checked(spec=SPEC.replace("late", "lat"))
    (problem,) = check(load(Path("p.yaml")))
    assert isinstance(problem, Problem)
    assert (problem.file, problem.line, problem.path) == ("p.yaml", 8, "target.column")


def test_checking_the_example_loads_neither_tensorflow_nor_pandas(tmp_path):
    spec = ROOT / "examples/flight-delays/pipeline.yaml"
    subprocess.run([sys.executable, str(spec.with_name("fetch.py"))], check=True, capture_output=True, timeout=60)
    code = f"""
import sys
from pathlib import Path
from stellwerk.loading import load
from stellwerk.pipelines.checking import check
assert check(load(Path({str(spec)!r}))) == []
print([name for name in ("tensorflow", "pandas", "kfp", "apache_beam") if name in sys.modules])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (ran.stdout.strip(), ran.stderr) == ("[]", "")


def test_a_pattern_is_checked_once_for_all_of_its_columns_and_must_mean_one(checked):
    wrong = checked("features={'*e': {type: number}, 'x_*': {type: number}, distance: {type: number}}")
    assert [line for line in wrong if "'x_*' means no column" in line]
    texts = [line for line in wrong if "features.*e.type" in line]
    assert len(texts) == 1
    assert "holds texts" in texts[0]


def test_a_regression_target_whose_differences_32_bits_lose_is_told(checked):
    lines = "\n".join(f"{i},{i % 3},{10**12 + i}" for i in range(100))
    said = checked("target={column: late, type: regression}", data=f"distance,carrier,late\n{lines}\n")
    assert any("tell numbers apart that differ by 65536. Subtract a constant in data.query" in line for line in said)


def test_a_class_weight_of_no_class_is_told_at_its_line(checked):
    (problem,) = checked("train.class_weights={'1': 2, '2': 3}")
    assert "train.class_weights.2: '2' is no class of column 'late'." in problem
    assert problem.endswith("Classes: '0', '1'.")
    assert checked("train.class_weights={'1': 2, '0': 3}") == []
    words = rows().replace(",0,", ",false,").replace(",1,", ",true,")
    assert checked("train.class_weights={'yes': 2, 'false': 3}", data=words) == []
