"""Laws of the verdict, on random checklists, evidence, sign-offs, answers and waivers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gonogo.base.canonical import digest
from gonogo.base.clock import stamp
from gonogo.checklist.items import AUTHOR, Checklist, Item
from gonogo.evidence.record import Evidence, Fact
from gonogo.verdict.apart import Someone
from gonogo.verdict.judge import Answer, evidence_digest, judge
from gonogo.verdict.outcome import GOOD, Decision, Outcome, Verdict
from gonogo.verdict.sign_off import SignOff
from gonogo.verdict.waiver import Waiver

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SUBJECT = "sha256:" + "ab" * 32
IDS = tuple("abcdef")
ROLES = ("lead", "owner")
INPUTS = ({"bundle": SUBJECT}, {"bundle": SUBJECT, "test": "x"}, {"test": "x"}, {"test": "missing:gone"}, {})


def at(seconds: int) -> str:
    return stamp(NOW + timedelta(seconds=seconds))


@dataclass(frozen=True)
class World:
    """Everything that the judge takes."""

    checklist: Checklist
    evidence: dict[str, Evidence]
    inputs: dict[str, dict[str, str]]
    sign_offs: tuple[SignOff, ...]
    waivers: tuple[Waiver, ...]
    answers: dict[str, Answer]
    subject: str | None
    author: Someone | None = None

    def judge(self) -> Verdict:
        return judge(
            self.checklist,
            system="x",
            subject=self.subject,
            evidence=self.evidence,
            current_inputs=self.inputs,
            sign_offs=self.sign_offs,
            waivers=self.waivers,
            answers=self.answers,
            now=NOW,
            author=self.author,
        )


def often(good: object, *others: object) -> st.SearchStrategy[object]:
    """Nearly always what is good, so that GO occurs often enough for the laws to say something."""
    return st.integers(0, 40).map(lambda roll: others[roll % len(others)] if roll == 7 else good)


@st.composite
def items(draw: st.DrawFn, name: str) -> Item:
    kind = draw(st.sampled_from(["mandatory", "mandatory", "conditional", "optional"]))
    if draw(st.integers(0, 3)) == 0:
        return Item(name, "S", "T.", kind=kind, sign_off=draw(st.sampled_from(ROLES)))  # type: ignore[arg-type]
    require = draw(st.sampled_from([("x > 1",), ("x > 1", "x < 9")]))
    return Item(name, "S", "T.", kind=kind, check="quality", require=require, max_age=draw(st.sampled_from([None, 100.0])))  # type: ignore[arg-type]


@st.composite
def pieces(draw: st.DrawFn, item: Item) -> Evidence:
    values = [5.0] * 7 + [0.5] if item.kind == "mandatory" else [0.5, 0.5, 5.0]
    return Evidence(
        item=str(draw(often(item.id, "z"))),
        check=str(draw(often("quality", "labels"))),
        options=digest({}),
        inputs=draw(often(*INPUTS)),  # type: ignore[arg-type]
        status=draw(often("measured", "error")),  # type: ignore[arg-type]
        facts={"x": Fact(draw(st.sampled_from(values) | often(5.0, float("nan"), "nan", True)))},  # type: ignore[arg-type]
        findings=draw(st.sampled_from([(), (), (), ("odd row",), ("odd row",), ("odd row", "… and 3 more")])),
        message="",
        tools={},
        isolation="",
        started=str(draw(often(at(-50), at(-500), "soon"))),
        finished=str(draw(often(at(-40), at(40)))),
    )


@st.composite
def worlds(draw: st.DrawFn, *, mandatory: bool = False) -> World:
    names = draw(st.lists(st.sampled_from(IDS), min_size=1, max_size=5, unique=True))
    chosen = tuple(draw(items(name)) for name in names)
    if mandatory:
        assume(any(item.kind == "mandatory" for item in chosen))
    measured = {item.id: draw(pieces(item)) for item in chosen if item.check and draw(st.integers(0, 30)) != 7}
    inputs = {item.id: dict(draw(often(*INPUTS))) for item in chosen if item.check}  # type: ignore[call-overload]
    reasons = st.sampled_from(["because"] * 9 + [""])
    answers = {item.id: Answer(draw(st.booleans()), draw(reasons)) for item in chosen if draw(st.integers(0, 8)) != 7}
    waivers = tuple(
        Waiver(item.id, offender, SUBJECT, "lead", "Cy", "cc", draw(reasons), at(-9), at(draw(st.sampled_from([9, 90, 9, 9, 9, 9, -1]))))
        for item in chosen
        for offender in draw(often(("x > 1", "x < 9", "odd row"), ("odd",)))  # type: ignore[attr-defined]
        if draw(st.integers(0, 12)) != 7
    )
    apart = draw(st.sampled_from([(), (ROLES,), ((AUTHOR, "lead"),), ((AUTHOR, *ROLES),)]))
    author = draw(st.sampled_from([None, Someone("Dan"), Someone("Ana", "zz"), Someone("Dan", "bb")]))
    checklist = Checklist("c", "C", "1.0.0", "2026-01-01", chosen, apart=apart)
    world = World(checklist, measured, inputs, (), waivers, answers, draw(often(SUBJECT, None)), author)  # type: ignore[arg-type]
    return replace(
        world, sign_offs=(*draw(st.tuples(*(sign_offs(world, role) for role in ROLES))), *draw(st.lists(sign_offs(world), max_size=2)))
    )


@st.composite
def sign_offs(draw: st.DrawFn, world: World, role: str = "") -> SignOff:
    verdict = world.judge()
    decision = str(draw(often("approve", "reject")))
    person = draw(st.sampled_from(["Ana", "Ben", "Cy"]))
    return SignOff(
        role=role or draw(st.sampled_from(ROLES)),
        person=person,
        key_id=person[:1].lower() * 2,
        items=IDS,
        subject=str(draw(often(SUBJECT, "sha256:" + "00" * 32))),
        evidence_digest=str(draw(often(verdict.evidence_digest, "sha256:0"))),
        checklist_digest=str(draw(often(verdict.checklist_digest, "sha256:0"))),
        decision=decision,  # type: ignore[arg-type]
        reason="no" if decision == "reject" else "",
        time=at(draw(st.sampled_from([-30, -20, -10, 10]))),
    )


def good(verdict: Verdict) -> set[str]:
    return {result.item for result in verdict.items if result.outcome in GOOD}


LAWS = settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])


@LAWS
@given(worlds(), st.data())
def test_removing_evidence_never_improves_a_verdict(world: World, data: st.DataObject) -> None:
    kept = {item: one for item, one in world.evidence.items() if data.draw(st.booleans())}
    before, after = world.judge(), replace(world, evidence=kept).judge()
    assert good(after) <= good(before)
    assert not (before.decision is Decision.NO_GO and after.decision is Decision.GO)


@LAWS
@given(worlds(), st.data())
def test_removing_an_approval_never_turns_no_go_into_go(world: World, data: st.DataObject) -> None:
    kept = tuple(one for one in world.sign_offs if one.decision == "reject" or data.draw(st.booleans()))
    less = replace(world, sign_offs=kept)
    assert not (world.judge().decision is Decision.NO_GO and less.judge().decision is Decision.GO)


@LAWS
@given(worlds(), st.data())
def test_removing_an_excuse_never_turns_no_go_into_go(world: World, data: st.DataObject) -> None:
    # What people sign names the excuses, so without them it is another thing to sign: only items with a check are compared.
    assume(all(item.check for item in world.checklist.items))
    answers = {item: one for item, one in world.answers.items() if one.applies or data.draw(st.booleans())}
    less = replace(world, answers=answers, waivers=tuple(one for one in world.waivers if data.draw(st.booleans())))
    assert not (world.judge().decision is Decision.NO_GO and less.judge().decision is Decision.GO)


@LAWS
@given(worlds(mandatory=True), st.data())
def test_adding_an_item_never_turns_no_go_into_go(world: World, data: st.DataObject) -> None:
    more = data.draw(items("z"))
    place = data.draw(st.integers(0, len(world.checklist.items)))
    grown = (*world.checklist.items[:place], more, *world.checklist.items[place:])
    evidence = {**world.evidence, **({"z": data.draw(pieces(more))} if more.check else {})}
    before = world.judge()
    after = replace(
        world, checklist=replace(world.checklist, items=grown), evidence=evidence, inputs={**world.inputs, "z": {"bundle": SUBJECT}}
    )
    assert not (before.decision is Decision.NO_GO and after.judge().decision is Decision.GO)


@LAWS
@given(worlds(), st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(world: World, random: object) -> None:
    def shuffled(values: list[object]) -> list[object]:
        random.shuffle(values)  # type: ignore[attr-defined]
        return values

    other = replace(
        world,
        evidence=dict(shuffled(list(world.evidence.items()))),  # type: ignore[arg-type]
        sign_offs=tuple(shuffled(list(world.sign_offs))),  # type: ignore[arg-type]
        waivers=tuple(shuffled(list(world.waivers))),  # type: ignore[arg-type]
        answers=dict(shuffled(list(world.answers.items()))),  # type: ignore[arg-type]
    )
    assert other.judge() == world.judge()


@LAWS
@given(worlds())
def test_go_needs_a_subject_every_item_good_and_a_mandatory_one_passed(world: World) -> None:
    verdict = world.judge()
    passed = [result for result in verdict.items if result.mandatory and result.outcome is Outcome.PASS]
    demanded = [item for item in world.checklist.items if item.kind == "mandatory"]
    whole = bool(demanded) and len(passed) == len(demanded) and len(good(verdict)) == len(verdict.items)
    assert (verdict.decision is Decision.GO) == (whole and world.subject is not None)


@LAWS
@given(worlds())
def test_a_pass_rests_on_measured_current_evidence_or_on_an_approval(world: World) -> None:
    for item, result in zip(world.checklist.items, world.judge().items, strict=True):
        if result.outcome is not Outcome.PASS:
            continue
        if item.check:
            evidence = world.evidence[item.id]
            assert evidence.status == "measured"
            assert evidence.facts["x"].value == 5.0
            assert evidence.inputs == world.inputs[item.id]
            assert not any(value.startswith("missing:") for value in evidence.inputs.values())
        else:
            assert any(one.decision == "approve" and one.role == item.sign_off for one in world.sign_offs)


@LAWS
@given(worlds())
def test_what_people_sign_can_be_computed_from_the_verdict_alone(world: World) -> None:
    verdict = world.judge()
    assert evidence_digest(world.checklist, verdict.items, world.author) == verdict.evidence_digest
    assert world.judge() == verdict


@settings(LAWS, max_examples=150)
@given(worlds())
def test_a_waived_item_failed_and_each_offender_has_a_waiver_in_force(world: World) -> None:
    for item, result in zip(world.checklist.items, world.judge().items, strict=True):
        if result.outcome is Outcome.WAIVED:
            in_force = {one.offender for one in world.waivers if one.item == item.id and one.reason and one.time <= at(0) < one.until}
            assert item.kind != "mandatory"
            assert result.offenders
            assert set(result.offenders) <= in_force
            assert not any(finding.startswith("…") for finding in world.evidence[item.id].findings)


@LAWS
@given(worlds(), st.data())
def test_one_more_separation_never_turns_no_go_into_go(world: World, data: st.DataObject) -> None:
    group = data.draw(st.sampled_from([ROLES, (AUTHOR, "owner")]))
    stricter = replace(world.checklist, apart=(*world.checklist.apart, group))
    about = {"checklist_digest": stricter.digest}
    signed = tuple(replace(one, **about) if one.checklist_digest == world.checklist.digest else one for one in world.sign_offs)
    after = replace(world, checklist=stricter, sign_offs=signed).judge()
    assert not (world.judge().decision is Decision.NO_GO and after.decision is Decision.GO)
