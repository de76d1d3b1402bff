"""Is this machine fit for the project?"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import ClassVar

from gonogo.errors import GonogoError
from gonogo.evidence.check import Check
from gonogo.evidence.diagnosis import accelerator, configuration_errors, installed_version, package_troubles, python_is, requirement
from gonogo.evidence.inputs import ProjectView, SandboxPort
from gonogo.evidence.record import Fact, Measurement
from gonogo.model.source import ModelSource


class Doctor(Check):
    """Are Python, packages, data, model, settings and accelerator of this machine what the project needs?

    The model is loaded in the sandbox; packages are imported in a child. It speaks of the machine as it was when it was asked: give the
    item a `max_age`. `gonogo doctor` shows the same, and more, at any time.
    """

    name = "doctor"
    facts: ClassVar = {
        "python_ok": "whether this Python is new enough",
        "python": "this Python's version",
        "packages": "packages that were asked for",
        "versions": "their versions, where they are asked for",
        "missing_packages": "packages that are not there, too old, or cannot be imported",
        "data_present": "whether every declared table is there and not empty",
        "model_loads": "whether the model can be loaded, in isolation",
        "config_errors": "variables that are no setting of gonogo, or have a value that is none",
        "accelerator": "present, absent, or not needed",
        "accelerator_ok": "whether that is what the project declares",
    }
    options: ClassVar = {"packages": [], "python": ">=3.10"}

    def measure(
        self,
        project: ProjectView,
        sandbox: SandboxPort,
        model: ModelSource,
        test_file: Path,
        train_file: Path | None = None,
        validation_file: Path | None = None,
    ) -> Measurement:
        troubles = package_troubles(self.chosen["packages"])
        tables = {"test": test_file, "train": train_file, "validation": validation_file}
        empty = [name for name, path in tables.items() if path is not None and path.stat().st_size == 0]
        config = configuration_errors()
        found = accelerator(project.accelerator)
        findings = [f"{name} {trouble}" for name, trouble in troubles.items()]
        findings += [f"the {name} table is empty" for name in empty] + config + ([] if found.ok else [found.detail])
        isolation = ""
        try:
            _, isolation = sandbox.inspect(model)
        except GonogoError as error:
            findings.append(f"the model cannot be loaded: {error}")
        facts = {}
        if self.chosen["packages"]:
            names = [requirement(text).name for text in self.chosen["packages"]]
            facts["versions"] = Fact(", ".join(f"{name} {installed_version(name) or '(none)'}" for name in names))
        return Measurement(
            facts
            | {
                "python_ok": Fact(python_is(self.chosen["python"])),
                "python": Fact(platform.python_version()),
                "packages": Fact(len(self.chosen["packages"])),
                "missing_packages": Fact(len(troubles)),
                "data_present": Fact(not empty),
                "model_loads": Fact(isolation != ""),
                "config_errors": Fact(len(config)),
                "accelerator": Fact(found.state),
                "accelerator_ok": Fact(found.ok),
            },
            tuple(findings),
            isolation=isolation,
        )
