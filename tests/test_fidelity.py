"""docs/fidelity.md is the page of the tests that there are."""

import pytest
from fidelity_page import PAGE, TESTS, Claim, claims, page


def test_the_page_of_fidelity_is_that_of_the_marks():
    assert PAGE.read_text(encoding="utf-8") == page(list(claims(TESTS)))


def test_a_mark_becomes_a_row_of_its_method(tmp_path):
    (tmp_path / "test_x.py").write_text(
        '@pytest.mark.paper("SNGAN", "Miyato et al., table 3", "5 steps")\n@other\ndef test_five():\n    pass\n'
    )
    found = list(claims(tmp_path))
    assert found == [Claim("SNGAN", "Miyato et al., table 3", "5 steps", "test_x.py", "test_five")]
    assert page(found).endswith(
        "## SNGAN\n\n| what | paper | test |\n|---|---|---|\n"
        "| 5 steps | Miyato et al., table 3 | `tests/test_x.py`: `test_five` |\n"
    )


@pytest.mark.parametrize("mark", ['"SNGAN", "Miyato"', '"SNGAN", "Miyato", 5', '"SNGAN", "Miyato", number="5"'])
def test_a_mark_that_is_not_three_texts_is_told(tmp_path, mark):
    (tmp_path / "test_x.py").write_text(f"@pytest.mark.paper({mark})\ndef test_five():\n    pass\n")
    with pytest.raises(ValueError, match=r"test_x.py, test_five: a mark must be of three texts"):
        list(claims(tmp_path))
