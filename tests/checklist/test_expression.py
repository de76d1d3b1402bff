"""Requirements as words: what parses, how it prints, and what the error points at."""

from __future__ import annotations

import pytest

from gonogo.checklist.expression import Call, Choices, Combined, ExpressionError, Name, Negated, Number, Requirement, Text, Truth, parse


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("roc_auc>0.95", "roc_auc > 0.95"),
        ("  p95 <=1s ", "p95 <= 1 s"),
        ("abs(a-b)<5pp", "abs(a - b) < 5 pp"),
        ("share < 5 %", "share < 5%"),
        ("(a+b)*c > 1", "(a + b) * c > 1"),
        ("a-(b-c) > 1", "a - (b - c) > 1"),
        ("(a-b)-c > 1", "a - b - c > 1"),
        ("a/(b*c) > 1", "a / (b * c) > 1"),
        ("-(a+b) < 1e-5", "-(a + b) < 1e-05"),
        ("--a > 0", "--a > 0"),
        ('format == "onnx"', "format == onnx"),
        ('status == "not found"', 'status == "not found"'),
        ('word == "true"', 'word == "true"'),
        ("ok == true", "ok == true"),
        ("a == (b)", "a == (b)"),
        ("a == b + c", "a == b + c"),
        ("status in (200,204)", "status in (200, 204)"),
        ("n >= 1000 rows", "n >= 1000 rows"),
    ],
)
def test_it_prints_as_one_would_write_it(text: str, printed: str) -> None:
    assert str(parse(text)) == printed
    assert parse(printed) == parse(text)


def test_a_bare_word_after_equals_is_text_and_in_parentheses_a_fact() -> None:
    assert parse("a == b") == Requirement(Name("a"), "==", Text("b"))
    assert parse("a == (b)") == Requirement(Name("a"), "==", Name("b"))
    assert parse("a != false").right == Truth(False)
    assert parse("a in (b, 1)").right == Choices((Text("b"), Number(1.0)))


def test_multiplication_binds_tighter_and_minus_goes_from_left_to_right() -> None:
    assert parse("a - b - c * 2 > 0").left == Combined(Combined(Name("a"), "-", Name("b")), "-", Combined(Name("c"), "*", Number(2.0)))
    assert parse("-a * b > 0").left == Combined(Negated(Name("a")), "*", Name("b"))
    assert parse("max(a, -b) > 0").left == Call("max", (Name("a"), Negated(Name("b"))))


def test_it_knows_the_facts_it_speaks_of() -> None:
    assert parse("abs(a - b) / a < max(c, 1%)").names == ("a", "b", "c")


@pytest.mark.parametrize(
    ("text", "said", "position"),
    [
        ("", "a fact or a number is expected, not the end", 0),
        ("roc_auc", "a comparison", 7),
        ("roc_auc 0.95", "a comparison", 8),
        ("roc_auc > ", "not the end", 9),
        ("roc_auc => 0.95", "'=' has no meaning here", 8),
        ("roc_auc = 0.95", "'=' has no meaning here", 8),
        ("roc_auc > 0.95 0.97", "nothing more is expected", 15),
        ("roc_auc > 0.95 and b > 1", "'and' is no unit", 15),
        ("p95 <= 1 sec", "units are", 9),
        ("1 < 2", "it could never fail", 0),
        ("abs(a, b) < 1", "abs takes 1", 0),
        ("min(a) < 1", "min takes 2 to 16", 0),
        ("abs < 1", "'(' is expected", 4),
        ("(a > 1", "')' is expected", 3),
        ("a > true", "compares numbers", 4),
        ('a > "b"', "compares numbers", 4),
        ("a in b", "'(' is expected", 5),
        ("a in ()", "a word or a number", 6),
        ("a in (b", "')' is expected", 7),
        ("a == in", "no text", 5),
        ("in > 1", "a fact or a number", 0),
        ("a > 1e999", "too large", 4),
        ("a > 1 < 2", "nothing more", 6),
        ("a; b > 1", "';' has no meaning", 1),
        ("__import__('os') > 1", "has no meaning here", 11),
        ('a == "b', "has no meaning", 5),
        ("(" * 60 + "a" + ")" * 60 + " > 1", "nested too deeply", 40),
        ("-" * 60 + "a > 1", "nested too deeply", 40),
        ("a + " * 200 + "a > 1", "500 characters", 500),
    ],
)
def test_what_is_no_requirement_says_what_was_expected_and_where(text: str, said: str, position: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert said in str(caught.value)
    assert caught.value.position == position
