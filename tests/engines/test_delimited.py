"""The chosen delimiter gives most rows the same number of fields."""

import pytest

from docmill.engines.text.delimited import rows_of

COLUMNS = [["id", "cost"], ["1", "x"]]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("id;cost\n['1', '2'];x\n['3'];y\n", [["id", "cost"], ["['1', '2']", "x"], ["['3']", "y"]]),
        ("a;b\n(1,2);(3,4)\n(5,6);(7,8)\n", [["a", "b"], ["(1,2)", "(3,4)"], ["(5,6)", "(7,8)"]]),
        ("1,5;2,3\n3,5;4,1\n", [["1,5", "2,3"], ["3,5", "4,1"]]),
        ("a,b\n'x;y;z',1\n'p;q',2\n", [["a", "b"], ["'x;y;z'", "1"], ["'p;q'", "2"]]),
        ('a,b\n"x;y",1\n"p,q",2\n', [["a", "b"], ["x;y", "1"], ["p,q", "2"]]),
        ('n,t\n1,"two\nl; s"\n2,"a ""b"""\n', [["n", "t"], ["1", "two\nl; s"], ["2", 'a "b"']]),
        ("a|b\n1,2|x\n1,2,3|y\n", [["a", "b"], ["1,2", "x"], ["1,2,3", "y"]]),
        ("a\tb c\n1\t2,3\n", [["a", "b c"], ["1", "2,3"]]),
        ("sep=;\na;b,c\n1;2,3\n", [["a", "b,c"], ["1", "2,3"]]),
        ("Report of May\n\nid;name\n1;Ann\n", [["Report of May"], ["id", "name"], ["1", "Ann"]]),
        ("'a;b';'c'\n'd;e';'f'\n", [["a;b", "c"], ["d;e", "f"]]),
        ('5" pipe,3\n6" pipe,4\n', [['5" pipe', "3"], ['6" pipe', "4"]]),
        ('"open,1\n2,3\n4,5\n', [['"open', "1"], ["2", "3"], ["4", "5"]]),
        ("10:00:01,ok\n10:00:02,bad\n", [["10:00:01", "ok"], ["10:00:02", "bad"]]),
        ("one column\nof words\n", [["one column"], ["of words"]]),
        ("a\x01b\n1\x012\n", [["a", "b"], ["1", "2"]]),
        ("only;one;row\n", [["only", "one", "row"]]),
    ],
)  # fmt: skip
def test_rows_are_read_by_the_delimiter_that_fits_most(text: str, rows: list[list[str]]) -> None:
    assert rows_of(text) == rows
