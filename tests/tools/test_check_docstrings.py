import importlib.util
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[2] / "tools" / "check_docstrings.py"
_SPEC = importlib.util.spec_from_file_location("check_docstrings", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
check = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check)


def test_the_project_passes(capsys):
    assert check.main([str(_PATH.parents[1])]) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    "first", ["Give", "Say", "Tell", "Let", "Do", "Take", "Hold", "Ask", "Put", "Know", "The", "What"]
)
def test_an_opening_that_is_not_a_verb_of_the_list(first, tmp_path):
    path = tmp_path / "room.py"
    path.write_text(
        f'def f():\n    """{first} a value."""\n\n\ndef g():\n    """Return a value."""\n', encoding="utf-8"
    )
    (fault,) = check.docstring_faults(path)
    assert fault.startswith(f"{path}:2: f starts with {first!r}")


def test_a_property_may_be_a_noun_phrase(tmp_path):
    path = tmp_path / "room.py"
    path.write_text('class A:\n    @property\n    def f(self):\n        """The value."""\n', encoding="utf-8")
    assert list(check.docstring_faults(path)) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ('"""What a file is."""\n', "1: module starts with 'What'"),
        ('class A:\n    """How it is made."""\n', "2: A starts with 'How'"),
        ('class A:\n    @property\n    def f(self):\n        """Whether it is."""\n', "4: f starts with 'Whether'"),
        ('A = 1\n"""Where it lies."""\n', "2: A starts with 'Where'"),
        (
            'def f():\n    """Return a value.\n\n    Raises:\n        E: If it is\n            none.\n    """\n',
            "is none",
        ),
        ('class A:\n    """A row that stands for two."""\n', "2: A says 'stands for'"),
    ],
)
def test_a_clause_or_a_phrase_where_plain_words_are_expected(source, fault, tmp_path):
    path = tmp_path / "room.py"
    path.write_text(source, encoding="utf-8")
    (found,) = check.docstring_faults(path)
    assert fault in found


def test_a_wide_line_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    wide = "word " * 25
    page.write_text(f"{wide}\n| {wide} |\n```\n{wide}\n```\n[{wide}](a.md)\n{'x' * 120}\n", encoding="utf-8")
    assert list(check.page_faults(page)) == [f"{page}:1: 125 columns, expected at most 120"]


def test_the_generated_part_of_a_page_may_be_wide(tmp_path):
    page = tmp_path / "page.md"
    wide = "word " * 25
    page.write_text(f"<!-- a: written by `b` -->\n{wide}\n<!-- end of a -->\n\n{wide}\n", encoding="utf-8")
    assert [fault.split(": ")[0] for fault in check.page_faults(page)] == [f"{page}:5"]


def test_faults_are_printed_and_counted(tmp_path, capsys):
    room = tmp_path / "src" / "dualhead" / "room"
    room.mkdir(parents=True)
    (room / "one.py").write_text('def f():\n    """Say it."""\n', encoding="utf-8")
    assert check.main([str(tmp_path)]) == 1
    assert "one.py:2: f starts with 'Say'" in capsys.readouterr().out
