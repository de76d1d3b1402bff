"""The JSON Schema of gonogo.yaml. The loader obeys it, `gonogo schema` prints it, docs/formats/project-file.md explains it."""

from __future__ import annotations

from typing import Any

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def _text(description: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "minLength": 1, "description": description, **more}


def _path(description: str, example: str) -> dict[str, Any]:
    return {"type": "string", "pattern": r"^[^\x00]*\S[^\x00]*$", "description": description, "examples": [example]}


def _object(description: str, properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "description": description, "properties": properties, "additionalProperties": False}
    return {**found, "required": list(required)} if required else found


def _number(description: str, default: float, kind: str = "number", **limits: Any) -> dict[str, Any]:
    return {"type": kind, "description": description, "default": default, **limits}


#: How long, as seconds or with a unit; also used by packs.
DURATION: dict[str, Any] = {
    "anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)? ?(s|min|h|d)$"}],
    "examples": ["30 d"],
}
#: A share strictly between 0.5 and 1, as a number or in per cent; also used by packs.
CONFIDENCE: dict[str, Any] = {
    "anyOf": [
        {"type": "number", "minimum": 0.5, "exclusiveMaximum": 1},
        {"type": "string", "pattern": r"^(5[0-9]|[6-9][0-9])(\.[0-9]+)? ?%$"},
    ],
    "examples": ["95%"],
}
#: One requirement or several; also used by packs.
REQUIRE: dict[str, Any] = {
    "anyOf": [{"type": "string", "minLength": 1}, {"type": "array", "items": {"type": "string", "minLength": 1}, "minItems": 1}],
    "examples": ["roc_auc > 0.95"],
}

#: Where a secret is kept; also used by channels.
SECRET: dict[str, Any] = {
    "type": "object",
    "description": "where the secret is: in an environment variable or in a file",
    "properties": {
        "env": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "description": "the environment variable it is in"},
        "file": {"type": "string", "minLength": 1, "description": "the file it is in"},
    },
    "additionalProperties": False,
    "examples": ["{env: SLACK_URL}"],
}

_PLAIN: list[dict[str, Any]] = [{"type": "string"}, {"type": "number"}, {"type": "boolean"}]
#: Options of a check: words, numbers, truth values, and lists of them; also used by packs.
OPTIONS: dict[str, Any] = {
    "type": "object",
    "properties": {},
    "additionalProperties": {"anyOf": [*_PLAIN, {"type": "array", "items": {"anyOf": _PLAIN}}]},
}


def _model() -> dict[str, Any]:
    return _object(
        "the model that would ship",
        {
            "path": _path(
                "the model: ONNX, skops, LightGBM, XGBoost, TorchScript or torch.export file, SavedModel folder, sources of a callable",
                "models/forest.onnx",
            ),
            "task": {
                "type": "string",
                "enum": ["binary-classification", "multiclass-classification"],
                "description": "what it predicts",
            },
            "features": {
                "type": "array",
                "items": _text("a column's name"),
                "minItems": 1,
                "uniqueItems": True,
                "description": "the columns in the order of the model, when neither the model nor the table says so",
            },
            "positive": {
                "anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}],
                "description": "the class whose probability is the score of a binary task; default: the last one",
                "examples": ["1"],
            },
            "threshold": _number("score at which a binary task says positive", 0.5, exclusiveMinimum=0, exclusiveMaximum=1),
            "reference": _path(
                "scores of the training framework for rows of the test table: columns row (from 0) and score", "models/reference.csv"
            ),
            **_runtime(),
            "tensors": _tensors(),
            "pipeline": _path("pre- and post-processing, sealed with the model: docs/formats/pipeline.md", "models/pipeline.json"),
            "explainer": {
                "type": "string",
                "enum": ["shapley"],
                "description": "how the service explains an answer when it is asked to; without it, it does not",
                "examples": ["shapley"],
            },
        },
        ("path", "task"),
    )


def _tensors() -> dict[str, Any]:
    sizes = {"type": "array", "items": {"type": "integer", "minimum": 1}, "minItems": 1, "examples": ["[105, 11]"]}
    tensor = _object(
        "what its values are",
        {
            "shape": {**sizes, "description": "the shape of one value, where the model does not say it"},
            "axis": {"type": "integer", "minimum": 0, "description": "where its channels lie in the shape, from 0", "examples": [1]},
            "channels": {
                "type": "array",
                "items": _text("a channel's name"),
                "minItems": 1,
                "uniqueItems": True,
                "description": "their names, in order; without them all elements are one",
                "examples": ["[open, high, low, close]"],
            },
            "summaries": {
                "type": "array",
                "items": {"type": "string", "enum": ["mean", "spread", "low", "high", "missing"]},
                "minItems": 1,
                "uniqueItems": True,
                "description": "what is counted and watched of each channel",
                "default": ["mean", "spread"],
            },
        },
    )
    return {
        "type": "object",
        "description": "the inputs that are windows, images or other tensors, by their names, which are those of the tables' columns",
        "additionalProperties": tensor,
    }


def _runtime() -> dict[str, Any]:
    """What the file of a model may not say itself."""
    graph_input = _object(
        "one input, a matrix or a tensor",
        {
            "name": _text("the input's name", examples=["x"]),
            "dtype": {
                "type": "string",
                "enum": ["float32", "float64", "int64", "bool", "string"],
                "description": "type of its values",
                "examples": ["float32"],
            },
            "width": {"type": "integer", "minimum": 1, "description": "its columns, when it is a matrix", "examples": [30]},
            "shape": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1},
                "minItems": 1,
                "description": "the shape of one row, when it is a tensor",
                "examples": ["[105, 11]"],
            },
        },
        ("name", "dtype"),
    )
    return {
        "inputs": {
            "type": "array",
            "items": graph_input,
            "minItems": 1,
            "description": "what the model takes, in its order; needed for TorchScript, torch.export and a callable",
        },
        "output": _text("the output that holds the scores, when the model does not say so", examples=["probabilities"]),
        "also": {
            "type": "array",
            "items": _text("an output's name"),
            "minItems": 1,
            "uniqueItems": True,
            "description": "outputs of numbers that are answered beside the scores, such as pointers into a window",
            "examples": ["[start, end]"],
        },
        "device": {
            "type": "string",
            "enum": ["cpu", "cuda", "auto"],
            "description": "where it computes: cpu (the default), cuda (an error where there is none), or cuda where there is one",
            "examples": ["cpu"],
        },
        "trusted": {
            "type": "array",
            "items": _text("module.Class"),
            "minItems": 1,
            "uniqueItems": True,
            "description": "types that a skops file may build beyond scikit-learn's own",
        },
        "callable": _text(
            "the function in the sources that computes the scores",
            pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$",
            examples=["scoring:predict"],
        ),
    }


def _data() -> dict[str, Any]:
    return _object(
        "the labelled tables (.csv or .parquet) that the gate measures on",
        {
            "train": _path("what the model was trained on; baseline and leakage checks need it", "data/train.parquet"),
            "validation": _path("what it was tuned on", "data/validation.parquet"),
            "test": _path("what neither training nor tuning has seen", "data/test.parquet"),
            "target": _text("the column that holds the class", examples=["default"]),
            "time": _text("the column that orders the rows in time", examples=["issue_date"]),
            "ignore": {
                "type": "array",
                "items": _text("a column's name"),
                "uniqueItems": True,
                "description": "columns that are no features",
            },
            "group": _text("the column whose equal values belong into one table only", examples=["customer"]),
            "embargo": {**DURATION, "description": "the least time between the tables"},
        },
        ("test", "target"),
    )


def _code() -> dict[str, Any]:
    return _object(
        "the sources, and the commands that judge them",
        {
            "paths": {
                "type": "array",
                "items": _path("a file or folder", "src"),
                "minItems": 1,
                "uniqueItems": True,
                "description": "sources to digest and to scan for secrets; tests and their settings are always among them; default: all",
            },
            "tests": _text("runs the tests; no shell", examples=["python -m pytest tests"]),
            "lint": _text("prints one finding a line and exits 0 without findings; no shell", examples=["ruff check src"]),
            "format": _text("exits 0 when the sources are formatted; no shell", examples=["ruff format --check src"]),
            "hooks": _text("runs every hook on every file; no shell", examples=["pre-commit run --all-files"]),
            "train": _text("trains again and writes `model.path`; no shell", examples=["python train.py"]),
            "security": _text("prints one finding a line and exits 0 without findings; no shell", examples=["bandit -q -r src"]),
        },
    )


def _people() -> dict[str, Any]:
    person = _object("who has the role", _name_and_key(), ("name", "key"))
    several = {"type": "array", "items": person, "minItems": 1}
    return {
        "type": "object",
        "description": "who signs, by role of the pack; a list when several may",
        "additionalProperties": {"anyOf": [person, several]},
    }


def _name_and_key() -> dict[str, Any]:
    return {"name": _text("the person's name", examples=["Ana"]), "key": _path("the person's public key", "keys/ana.pub")}


def _rollout() -> dict[str, Any]:
    return _object(
        "how traffic moves to a new release",
        {
            "target": _text("where releases run", default="local"),
            "steps": {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": 100},
                "minItems": 1,
                "description": "share of the new release after each step in per cent, growing, the last one 100",
                "default": [5, 25, 100],
                "examples": ["[5, 25, 100]"],
            },
            "min_seconds": _number("shortest time of a step", 10, minimum=0),
            "deadline_seconds": _number("longest time of a step; no decision by then rolls back", 600, exclusiveMinimum=0),
            "hold_back_percent": _number("share that stays on the old release during the watch", 0, minimum=0, maximum=5),
            "alpha": _number("chance of rolling back a release that is no worse", 0.01, exclusiveMinimum=0, maximum=0.5),
            "beta": _number("chance of passing a release that is worse by the margin", 0.05, exclusiveMinimum=0, maximum=0.5),
            "margin": _number("more share of errors than the old release that is too much", 0.01, exclusiveMinimum=0, exclusiveMaximum=1),
            "d": _number("more share of errors than the old release that is tolerated", 0.001, minimum=0, exclusiveMaximum=1),
        },
    )


def _channel() -> dict[str, Any]:
    """A channel with its options. Which options are a channel's own is known to its class; the loader asks it."""
    option = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "array", "items": {"type": "string"}}, SECRET]}
    levels = {"type": "string", "enum": ["critical", "warning", "info"]}
    properties = {
        "channel": _text("what it is", examples=["slack"]),
        "name": _text("what it is called here; default: what it is", pattern="^[a-z0-9][a-z0-9-]{0,62}$", examples=["nights"]),
        "levels": {
            "type": "array",
            "items": levels,
            "minItems": 1,
            "uniqueItems": True,
            "description": "which alarms it is told of; default: what such a channel is for",
            "examples": ["[critical]"],
        },
        "options": {
            "type": "object",
            "description": "what the channel needs, secrets as `{env: VARIABLE}` or `{file: PATH}`: docs/how-to-channels.md",
            "properties": {},
            "additionalProperties": option,
            "examples": ["{url: {env: SLACK_URL}}"],
        },
    }
    return _object("a channel", properties, ("channel",))


#: One alarm, new or changed; also used by packs.
RULE: dict[str, Any] = _object(
    "one alarm",
    {
        "name": _text("the alarm's name", pattern="^[a-z0-9][a-z0-9-]{0,62}$", examples=["error-share"]),
        "signal": _text("what is watched; a new alarm needs it", examples=["error_rate"]),
        "above": {"type": "number", "description": "rings above this; a new alarm needs it", "examples": [0.05]},
        "clear": {"type": "number", "description": "is over at or below this; default: the same as above", "examples": [0.03]},
        "for": {**DURATION, "description": "how long it must stay above", "default": 30},
        "times": {
            "type": "integer",
            "minimum": 1,
            "description": "instead of `for`: above in so many windows in a row, of those that can be judged",
            "examples": [2],
        },
        "window": {**DURATION, "description": "over which time the signal is computed; default: the signal's own", "examples": ["1 h"]},
        "min_n": _number("fewest samples to judge; fewer are UNKNOWN", 100, "integer", minimum=1),
        "level": {"type": "string", "enum": ["critical", "warning", "info"], "default": "critical", "description": "whom it wakes"},
        "labels": {
            "type": "object",
            "description": "only what carries these labels",
            "properties": {},
            "additionalProperties": {"type": "string", "minLength": 1},
            "examples": ["{quantile: p99}"],
        },
        "except": {
            "type": "object",
            "description": "nothing that carries one of these: a column of the calendar is another every day",
            "properties": {},
            "additionalProperties": {"type": "array", "items": {"type": "string", "minLength": 1}},
            "examples": ["{feature: [weekday]}"],
        },
        "runbook": _text("the page that says what to do: of the pack's `runbooks/`, or one of ours", examples=["latency"]),
        "rows": {"type": "array", "items": _text("a requirement"), "description": "the requirements it meets", "examples": ["[S3-5.2e]"]},
        "leave_out": _text("leaves an alarm of the pack out; says why", examples=["the labels never come"]),
    },
    ("name",),
)

#: Whom to ask when nobody answers; also used by packs.
ESCALATION: dict[str, Any] = {
    "type": "array",
    "items": _object(
        "one step",
        {"after": {**DURATION, "description": "how long nobody has acknowledged", "examples": ["15 min"]}, "to": _text("whom to ask then")},
        ("after", "to"),
    ),
    "minItems": 1,
    "description": "whom to ask, step by step, while nobody acknowledges a critical alarm",
}


def _monitor() -> dict[str, Any]:
    return _object(
        "what is watched in service, and who is told",
        {
            "channels": {
                "type": "array",
                "items": {"anyOf": [_text("a channel's name"), _channel()]},
                "uniqueItems": True,
                "description": "where alarms are told: names of channels, or channels with what they need (docs/how-to-channels.md)",
                "default": ["file"],
                "examples": ["[file]"],
            },
            "rules": {
                "type": "array",
                "items": RULE,
                "minItems": 1,
                "description": "alarms beside those of the pack; one of the pack's names changes that alarm, or leaves it out",
            },
            "escalation": ESCALATION,
            "reviews": {
                "type": "array",
                "items": {"type": "string", "enum": ["hour", "day", "week", "month", "quarter"]},
                "uniqueItems": True,
                "description": "which reviews the service makes by itself when they are due; default: all that the pack has",
                "examples": ["[hour, day]"],
            },
            "labels": _object(
                "how labels come: with this section, that none comes is something to tell; needs `prediction_log`",
                {
                    "mature_after": {
                        **DURATION,
                        "description": "when the predictions of an hour are judged, counted from the beginning of that hour",
                        "default": "24 h",
                        "examples": ["24 h"],
                    },
                    "least_coverage": _number("share of the predictions of the time that must have a label", 0.5, minimum=0, maximum=1),
                    "slices": {
                        "type": "object",
                        "description": "values of features, for the rows of which figures are told as well; at most 60 in all",
                        "properties": {},
                        "additionalProperties": {
                            "type": "array",
                            "items": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]},
                            "minItems": 1,
                            "uniqueItems": True,
                        },
                        "examples": ["{purpose: [car, house]}"],
                    },
                },
            ),
        },
    )


def _step(what: str) -> dict[str, Any]:
    """One step of a training: a command, or a map with more."""
    paths: dict[str, Any] = {"type": "array", "items": _path("a file or folder", "models"), "uniqueItems": True}
    more = {
        "run": _text("the command; no shell", examples=["python train.py"]),
        "timeout": {**DURATION, "description": "longest it may take; default: the setting `GONOGO_RETRAIN_SECONDS`", "examples": ["2 h"]},
        "reads": {**paths, "description": "what its result follows from, instead of all sources", "examples": ["[prepare.py]"]},
        "writes": {**paths, "description": "what it leaves beside the tables, the model and its run record", "examples": ["[figures]"]},
    }
    return {"anyOf": [_text("the command; no shell"), _object("the step", more, ("run",))], "description": what}


def _retrain() -> dict[str, Any]:
    steps = {
        "data": _step("makes the tables"),
        "train": _step("trains and writes `model.path`"),
        "tune": _step("chooses parameters and writes `model.path`"),
        "evaluate": _step("measures and writes reports"),
        "register": _step("tells others of it"),
    }
    return _object(
        "how and when the model is trained again, and how far a new one goes by itself",
        {
            "steps": _object(
                "the training, step by step, in the order in which they stand here; without it `code.train` is the one", steps
            ),
            "accept": {
                "type": "string",
                "enum": ["better", "no worse"],
                "description": "how a new model must stand against the one in production, on the same rows",
                "default": "better",
            },
            "then": {
                "type": "string",
                "enum": ["staging", "production"],
                "description": "how far a new release goes by itself after a GO; `production` is policy, and is signed like one",
                "default": "staging",
            },
            "when": {
                "type": "array",
                "items": {"type": "string", "enum": ["schedule", "drift", "calibration"]},
                "uniqueItems": True,
                "description": "which findings start it while the service runs; by hand it can always be started: `gonogo retrain`",
                "default": [],
                "examples": ["[drift, calibration]"],
            },
            "every": {
                **DURATION,
                "description": "of `schedule`: how long after the last training",
                "default": "91 d",
                "examples": ["91 d"],
            },
            "at_most_every": {
                **DURATION,
                "description": "the shortest time between two trainings that findings start",
                "default": "7 d",
                "examples": ["7 d"],
            },
        },
    )


def _certify() -> dict[str, Any]:
    return _object(
        "how `gonogo certify` trains again: docs/how-to-certify.md",
        {
            "seeds": {
                "type": "array",
                "items": {"type": "integer", "minimum": 0},
                "minItems": 1,
                "uniqueItems": True,
                "description": "a full retrain for each, handed to `code.train` as GONOGO_SEED; not that of the model itself",
                "default": [1, 2, 3],
                "examples": ["[1, 2, 3]"],
            },
            "folds": _number(
                "folds of the cross-validation that goes forward in time, for each retrain", 5, "integer", minimum=2, maximum=50
            ),
            "permutations": _number("trainings on shuffled labels; with fewer than 20, p is never below 0.05", 20, "integer", minimum=1),
            "metric": {
                "type": "string",
                "enum": ["accuracy", "balanced_accuracy", "macro_f1", "roc_auc"],
                "description": "what folds and shuffled trainings are scored by",
                "default": "accuracy",
            },
            "valid": {**DURATION, "description": "how long a certificate holds", "default": "90 d", "examples": ["90 d"]},
        },
    )


def _candidates() -> dict[str, Any]:
    bounds = {"type": "array", "items": {"type": "number"}, "minItems": 2, "description": "from, to", "examples": ["[0.26, 0.28]"]}
    by_metric = {"type": "object", "description": "by metric", "properties": {}, "additionalProperties": bounds}
    return _object(
        "which runs `gonogo candidates` compares: docs/how-to-choose.md",
        {
            "ledger": _text(
                "runs as JSON lines, or an MLflow tracking database; default: runs.jsonl beside the run record",
                examples=["sqlite:///mlruns.db"],
            ),
            "experiment": _text("the experiment of an MLflow database", examples=["forest"]),
            "metric": _text("what ranks candidates; default: the first that the pack's criteria ask to be high", examples=["f1_macro"]),
            "expected": {
                "type": "object",
                "description": "what was expected before it was measured, by name or family of a candidate, then by metric: from, to",
                "properties": {},
                "additionalProperties": by_metric,
                "examples": ["{crf: {f1_macro: [0.26, 0.28]}}"],
            },
        },
    )


def _items() -> dict[str, Any]:
    override = _object(
        "what this project has otherwise",
        {
            "require": {**REQUIRE, "description": "requirements instead of the pack's"},
            "confidence": {**CONFIDENCE, "description": "the bound at this confidence must meet the requirement"},
            "max_age": {**DURATION, "description": "older evidence is STALE"},
            "options": {**OPTIONS, "description": "options of the check, each instead of the pack's"},
            "applies": {"type": "boolean", "description": "whether a conditional item applies; false leaves an optional one out"},
            "reason": _text("why it applies or does not, or why it is otherwise than in the pack; needed with `applies`"),
        },
    )  # fmt: skip
    return {"type": "object", "description": "answers and overrides, by item id", "additionalProperties": override}


def project_schema() -> dict[str, Any]:
    """The schema as a JSON value (draft 2020-12)."""
    documents = {
        "type": "object",
        "description": "documents, by name: readme, runbook, api, card, …",
        "additionalProperties": _path("the file", "README.md"),
    }
    files = {
        "type": "object",
        "description": "files that items ask for, by name: training_log, history, checkpoint_best, metadata, splits, advisories, …",
        "additionalProperties": _path("the file", "models/history.json"),
    }
    properties = {
        "system": {
            "type": "string",
            "pattern": "^[a-z0-9][a-z0-9-]{0,62}$",
            "description": "the system's name: lower-case letters, digits and hyphens, 63 at most",
            "examples": ["credit-risk"],
        },
        "pack": _text("a pack of the product, or a path to one", default="starter", examples=["random-forest-api"]),
        "model": _model(),
        "data": _data(),
        "documents": documents,
        "files": files,
        "code": _code(),
        "people": _people(),
        "author": _object("who made the candidate, to keep apart from who approves it", _name_and_key(), ("name",)),
        "policy": _object(
            "budgets",
            {"test_uses": _number("of how many bundles the test table may have judged before a note warns", 20, "integer", minimum=1)},
        ),
        "rollout": _rollout(),
        "monitor": _monitor(),
        "retrain": _retrain(),
        "certify": _certify(),
        "candidates": _candidates(),
        "prediction_log": _object(
            "log what is predicted, with the requests' values, as Parquet; without this section nothing is logged",
            {
                "sample": _number("share of the requests that are logged", 1, minimum=0, maximum=1),
                "redact": {
                    "type": "object",
                    "description": "features whose values are not written: `drop` leaves them out, `hash` writes a keyed digest",
                    "properties": {},
                    "additionalProperties": {"type": "string", "enum": ["drop", "hash"]},
                    "examples": ["{income: drop, postcode: hash}"],
                },
                "keep_days": _number("after how many days a segment is removed", 30, exclusiveMinimum=0),
            },
        ),
        "items": _items(),
        "environment": _path("a lock of the packages that the training used (requirements with exact versions)", "requirements.lock"),
        "isolation": {
            "type": "string",
            "enum": ["required", "accept-weaker"],
            "default": "required",
            "description": "whether a machine without isolation for the model's own bytes is an error",
        },
        "accelerator": {
            "type": "string",
            "enum": ["required", "optional", "none"],
            "default": "none",
            "description": "whether the system needs an accelerator",
        },
        "store": _path("where gonogo keeps what it makes; default .gonogo", ".gonogo"),
        "run_record": _path("what gonogo.record_run wrote; default run.json beside the model", "models/run.json"),
    }
    return {
        "$schema": DRAFT,
        "title": "gonogo.yaml",
        **_object("a model project", properties, ("system", "model", "data")),
    }
