"""The command line: `gonogo VERB`. One file a verb, imported only when the verb is typed, so that `gonogo --help` is quick."""

from __future__ import annotations

import importlib
import os

import click

VERBS: dict[str, str] = {
    "init": "write a gonogo.yaml for a folder that holds a model and tables",
    "doctor": "diagnose this machine and this project",
    "schema": "print the JSON Schema of gonogo.yaml",
    "flow": "print the map: nine stages from a checklist to a watched service",
    "packs": "list the ready-made checklists",
    "check": "measure what is missing or changed, and judge: GO or NO-GO",
    "explain": "say all about one item: question, evidence, how to repair",
    "sign": "sign for what was measured, in a role; or a changed policy",
    "waive": "excuse one offender of an optional item until a date, signed",
    "key": "make, replace or revoke a key pair",
    "policy": "show whose word counts, and what changed since it was signed",
    "loadtest": "1,000 requests, 100 at a time: percentiles and errors",
    "retrain": "train again, step by step; compare, judge, and stage what is better",
    "candidates": "compare the runs of the ledger: metrics with intervals, best of each kind",
    "select": "choose the candidate that goes to the gate, and write down why",
    "certify": "train again and again, measure, and sign the certificate of the model",
    "release": "seal what got a GO into a signed release",
    "verify": "verify a release with a public key alone",
    "releases": "list the releases and where the pointers stand",
    "show": "show one release",
    "serve": "answer predictions",
    "apikey": "make, rotate or revoke the keys that requests come with",
    "predict": "predictions for the rows of a file, by a release or a running service",
    "feedback": "say what came true: labels by prediction id, from a file",
    "render": "files for operators: systemd, container, nginx, Caddy, Prometheus, Alertmanager, Grafana",
    "rollout": "move traffic in judged steps",
    "rollback": "go back to the previous release, now",
    "experiment": "A/B and shadow: traffic for a release without a judge",
    "ship": "check, release and rollout in one go",
    "status": "what is live, is it well, who put it there",
    "watch": "show signals and alarms as they change",
    "review": "review an hour, a day, a week, a month or a quarter in service",
    "channels": "show where alarms are told, and try it",
    "alarms": "list the alarms",
    "log": "print the audit log; --verify checks its chain",
}


class Verbs(click.Group):
    """The verbs, in the order of the table; each comes from its own module."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"gonogo.cli.verbs.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Help from the table, so that no verb has to be imported to list them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else " See `gonogo --help`."
            raise click.UsageError(f"there is no verb {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="gonogo")
@click.pass_context
def main(ctx: click.Context) -> None:
    """From a trained model to verified production, and back, by checklists that run themselves.

    Every verb takes --json (one JSON document on standard output) and --help (with an example).
    Exit codes: 0 done or GO, 1 NO-GO or refused, 2 wrong use or configuration.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False
