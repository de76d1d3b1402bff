"""Is there a model card that says what the model is for and where it fails?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from gonogo.evidence.check import Check
from gonogo.evidence.figures import METRICS, agrees, measured_figures, stated_figures
from gonogo.evidence.inputs import Scores
from gonogo.evidence.markdown import declared_document, read_markdown
from gonogo.evidence.record import Fact, Measurement


class ModelCard(Check):
    """Does the model card say what the model is for, what it can do and what not, and are its figures right?

    `sections` are looked for in the headings, each as a regular expression; a section in which nothing is said is missing. `keys` must
    stand in the front matter (YAML before the text) with a value. Figures are compared with the test and validation tables to their
    printed digits.
    """

    name = "model_card"
    facts: ClassVar = {
        "exists": "whether the card is declared and there",
        "sections_missing": "demanded sections that are not there or in which nothing is said",
        "keys_missing": "demanded keys of the front matter that are not there or have no value",
        "placeholders": "places that are still to be filled in, such as TODO",
        "numbers": "figures of the model that it states",
        "numbers_unmatched": "those that are not what is measured",
        "words": "words in it",
    }
    options: ClassVar = {
        "document": "card",
        "sections": ["intended use|use and users|purpose", "strength", "weakness|limitation"],
        "keys": [],
        "tolerance": 1e-6,
    }

    def measure(self, documents: Mapping[str, Path], scores_test: Scores, scores_validation: Scores | None = None) -> Measurement:
        sections, keys = self.chosen["sections"], self.chosen["keys"]
        place = declared_document(documents, self.chosen["document"])
        if isinstance(place, str):
            lacks = {"sections_missing": len(sections), "keys_missing": len(keys)}
            rest = dict.fromkeys(("placeholders", "numbers", "numbers_unmatched", "words"), 0)
            return Measurement({"exists": Fact(False), **{name: Fact(value) for name, value in (lacks | rest).items()}}, (place,))
        card = read_markdown(place)
        measured = measured_figures(scores_test, scores_validation)
        lacking = [pattern for pattern in sections if all(section.empty for section in card.find(pattern))]
        valueless = [key for key in keys if card.front_matter.get(key) in (None, "", [], {})]
        stated = [figure for figure in stated_figures(card, scores_test.classes) if figure.metric in METRICS]
        wrong = [figure for figure in stated if not agrees(figure, measured, float(self.chosen["tolerance"]))]
        open_places = card.everything.placeholders
        findings = [f"nothing is said about: {pattern}" for pattern in lacking] + [f"the front matter has no {key}" for key in valueless]
        findings += [f"not what is measured: {figure}" for figure in wrong]
        findings += [f"still to be filled in: {words[:60]}" for words in open_places]
        return Measurement(
            {
                "exists": Fact(True),
                "sections_missing": Fact(len(lacking)),
                "keys_missing": Fact(len(valueless)),
                "placeholders": Fact(len(open_places)),
                "numbers": Fact(len(stated)),
                "numbers_unmatched": Fact(len(wrong)),
                "words": Fact(card.everything.words),
            },
            tuple(findings),
            isolation=scores_test.isolation,
        )
