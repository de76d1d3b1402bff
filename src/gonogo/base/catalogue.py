"""What can be chosen by name: one line per check, runtime, target, channel and signal, imported only when chosen.

Third parties add theirs through entry points in groups of the same names, `gonogo.checks` and so on:

    [project.entry-points."gonogo.checks"]
    my-check = "my_package.checks:MyCheck"
"""

from __future__ import annotations

import difflib
import importlib
from importlib.metadata import entry_points
from typing import Any

from gonogo.errors import UsageError

CATALOGUE: dict[str, dict[str, str]] = {
    "checks": {
        "advisories": "gonogo.evidence.checks.advisories:Advisories",
        "against_release": "gonogo.evidence.checks.against_release:AgainstRelease",
        "alarms": "gonogo.evidence.checks.alarms:Alarms",
        "architecture": "gonogo.evidence.checks.architecture:Architecture",
        "audit_log": "gonogo.evidence.checks.audit_log:AuditLog",
        "baseline_comparison": "gonogo.evidence.checks.baseline_comparison:BaselineComparison",
        "benchmark": "gonogo.evidence.checks.benchmark:Benchmark",
        "certification": "gonogo.evidence.checks.certification:Certification",
        "checkpoint": "gonogo.evidence.checks.checkpoint:Checkpoint",
        "committed": "gonogo.evidence.checks.committed:Committed",
        "configuration": "gonogo.evidence.checks.configuration:Configuration",
        "cross_validation": "gonogo.evidence.checks.cross_validation:CrossValidation",
        "data_contract": "gonogo.evidence.checks.data_contract:DataContract",
        "data_quality": "gonogo.evidence.checks.data_quality:DataQuality",
        "dependency_tree": "gonogo.evidence.checks.dependency_tree:DependencyTree",
        "determinism": "gonogo.evidence.checks.determinism:Determinism",
        "doctor": "gonogo.evidence.checks.doctor:Doctor",
        "document": "gonogo.evidence.checks.document:Document",
        "document_commands": "gonogo.evidence.checks.document_commands:DocumentCommands",
        "document_numbers": "gonogo.evidence.checks.document_numbers:DocumentNumbers",
        "drift_between": "gonogo.evidence.checks.drift_between:DriftBetween",
        "endpoint_policy": "gonogo.evidence.checks.endpoint_policy:EndpointPolicy",
        "environment": "gonogo.evidence.checks.environment:Environment",
        "explanation": "gonogo.evidence.checks.explanation:Explanation",
        "export_info": "gonogo.evidence.checks.export_info:ExportInfo",
        "export_parity": "gonogo.evidence.checks.export_parity:ExportParity",
        "feature_list": "gonogo.evidence.checks.feature_list:FeatureList",
        "feature_parity": "gonogo.evidence.checks.feature_parity:FeatureParity",
        "file": "gonogo.evidence.checks.file:File",
        "format": "gonogo.evidence.checks.format:Format",
        "gap": "gonogo.evidence.checks.gap:Gap",
        "gate_again": "gonogo.evidence.checks.gate_again:GateAgain",
        "git_state": "gonogo.evidence.checks.git_state:GitState",
        "golden": "gonogo.evidence.checks.golden:Golden",
        "group_overlap": "gonogo.evidence.checks.group_overlap:GroupOverlap",
        "health": "gonogo.evidence.checks.health:Health",
        "history_secrets": "gonogo.evidence.checks.history_secrets:HistorySecrets",
        "hooks": "gonogo.evidence.checks.hooks:Hooks",
        "import_tree": "gonogo.evidence.checks.import_tree:ImportTree",
        "importance": "gonogo.evidence.checks.importance:Importance",
        "importance_stability": "gonogo.evidence.checks.importance_stability:ImportanceStability",
        "information_drop": "gonogo.evidence.checks.information_drop:InformationDrop",
        "installable": "gonogo.evidence.checks.installable:Installable",
        "integrity": "gonogo.evidence.checks.integrity:Integrity",
        "issues": "gonogo.evidence.checks.issues:Issues",
        "labels": "gonogo.evidence.checks.labels:Labels",
        "latency": "gonogo.evidence.checks.latency:Latency",
        "leakage": "gonogo.evidence.checks.leakage:Leakage",
        "lint": "gonogo.evidence.checks.lint:Lint",
        "live_drift": "gonogo.evidence.checks.live_drift:LiveDrift",
        "live_quality": "gonogo.evidence.checks.live_quality:LiveQuality",
        "load": "gonogo.evidence.checks.load:Load",
        "memory": "gonogo.evidence.checks.memory:Memory",
        "metadata": "gonogo.evidence.checks.metadata:Metadata",
        "metadata_file": "gonogo.evidence.checks.metadata_file:MetadataFile",
        "metric_claims": "gonogo.evidence.checks.metric_claims:MetricClaims",
        "metrics": "gonogo.evidence.checks.metrics:Metrics",
        "model_card": "gonogo.evidence.checks.model_card:ModelCard",
        "model_format": "gonogo.evidence.checks.model_format:ModelFormat",
        "model_info": "gonogo.evidence.checks.model_info:ModelInfo",
        "monitoring": "gonogo.evidence.checks.monitoring:Monitoring",
        "near_duplicates": "gonogo.evidence.checks.near_duplicates:NearDuplicates",
        "negative_control": "gonogo.evidence.checks.negative_control:NegativeControl",
        "numeric_inputs": "gonogo.evidence.checks.numeric_inputs:NumericInputs",
        "outputs": "gonogo.evidence.checks.outputs:Outputs",
        "overlap": "gonogo.evidence.checks.overlap:Overlap",
        "parity": "gonogo.evidence.checks.parity:Parity",
        "people": "gonogo.evidence.checks.people:People",
        "probe": "gonogo.evidence.checks.probe:Probe",
        "quality": "gonogo.evidence.checks.quality:Quality",
        "reproduction": "gonogo.evidence.checks.reproduction:Reproduction",
        "retraining": "gonogo.evidence.checks.retraining:Retraining",
        "review": "gonogo.evidence.checks.review:Review",
        "reviews_made": "gonogo.evidence.checks.reviews_made:ReviewsMade",
        "room": "gonogo.evidence.checks.room:Room",
        "secrets": "gonogo.evidence.checks.secrets:Secrets",
        "security_scan": "gonogo.evidence.checks.security_scan:SecurityScan",
        "seed": "gonogo.evidence.checks.seed:Seed",
        "selection": "gonogo.evidence.checks.selection:Selection",
        "service_log": "gonogo.evidence.checks.service_log:ServiceLog",
        "signal": "gonogo.evidence.checks.signal:Signal",
        "slices": "gonogo.evidence.checks.slices:Slices",
        "smoke": "gonogo.evidence.checks.smoke:Smoke",
        "strict_load": "gonogo.evidence.checks.strict_load:StrictLoad",
        "synthetic": "gonogo.evidence.checks.synthetic:Synthetic",
        "temporal_split": "gonogo.evidence.checks.temporal_split:TemporalSplit",
        "test_uses": "gonogo.evidence.checks.test_uses:TestUses",
        "tests": "gonogo.evidence.checks.tests:Tests",
        "traffic": "gonogo.evidence.checks.traffic:Traffic",
        "training": "gonogo.evidence.checks.training:Training",
        "validation": "gonogo.evidence.checks.validation:Validation",
        "window_overlap": "gonogo.evidence.checks.window_overlap:WindowOverlap",
    },
    "runtimes": {
        "callable": "gonogo.model.runtimes.callable:CallableRuntime",
        "lightgbm": "gonogo.model.runtimes.lightgbm:LightgbmRuntime",
        "onnx": "gonogo.model.runtimes.onnx:OnnxRuntime",
        "saved_model": "gonogo.model.runtimes.saved_model:SavedModelRuntime",
        "skops": "gonogo.model.runtimes.skops:SkopsRuntime",
        "torch_export": "gonogo.model.runtimes.torch_export:TorchExportRuntime",
        "torchscript": "gonogo.model.runtimes.torchscript:TorchscriptRuntime",
        "xgboost": "gonogo.model.runtimes.xgboost:XgboostRuntime",
    },
    "targets": {
        "local": "gonogo.rollout.targets.local:LocalTarget",
    },
    "signals": {
        "accuracy_drop": "gonogo.monitor.signals.accuracy_drop:AccuracyDrop",
        "auc_drop": "gonogo.monitor.signals.auc_drop:AucDrop",
        "cbpe_drop": "gonogo.monitor.signals.cbpe_drop:CbpeDrop",
        "cbpe_gap": "gonogo.monitor.signals.cbpe_gap:CbpeGap",
        "client_error_share": "gonogo.monitor.signals.client_error_share:ClientErrorShare",
        "cpu": "gonogo.monitor.signals.cpu:Cpu",
        "device_memory": "gonogo.monitor.signals.device_memory:DeviceMemory",
        "ece": "gonogo.monitor.signals.ece:Ece",
        "ece_trend": "gonogo.monitor.signals.ece_trend:EceTrend",
        "error_rate": "gonogo.monitor.signals.error_rate:ErrorRate",
        "extreme_share": "gonogo.monitor.signals.extreme_share:ExtremeShare",
        "f1_drop": "gonogo.monitor.signals.f1_drop:F1Drop",
        "failure_share": "gonogo.monitor.signals.failure_share:FailureShare",
        "failures_in_a_row": "gonogo.monitor.signals.failures_in_a_row:FailuresInARow",
        "health": "gonogo.monitor.signals.health:Health",
        "ks": "gonogo.monitor.signals.ks:Ks",
        "label_coverage": "gonogo.monitor.signals.label_coverage:LabelCoverage",
        "latency": "gonogo.monitor.signals.latency:Latency",
        "latency_drift": "gonogo.monitor.signals.latency_drift:LatencyDrift",
        "latency_spike": "gonogo.monitor.signals.latency_spike:LatencySpike",
        "low_confidence_share": "gonogo.monitor.signals.low_confidence_share:LowConfidenceShare",
        "memory": "gonogo.monitor.signals.memory:Memory",
        "missing_rate": "gonogo.monitor.signals.missing_rate:MissingRate",
        "model_age": "gonogo.monitor.signals.model_age:ModelAge",
        "new_categories": "gonogo.monitor.signals.new_categories:NewCategories",
        "out_of_range": "gonogo.monitor.signals.out_of_range:OutOfRange",
        "pr_auc_drop": "gonogo.monitor.signals.pr_auc_drop:PrAucDrop",
        "precision_drop": "gonogo.monitor.signals.precision_drop:PrecisionDrop",
        "psi": "gonogo.monitor.signals.psi:Psi",
        "psi_many": "gonogo.monitor.signals.psi_many:PsiMany",
        "recall_drop": "gonogo.monitor.signals.recall_drop:RecallDrop",
        "review_findings": "gonogo.monitor.signals.review_findings:ReviewFindings",
        "review_overdue": "gonogo.monitor.signals.review_overdue:ReviewOverdue",
        "score_mean_shift": "gonogo.monitor.signals.score_mean_shift:ScoreMeanShift",
        "score_variance_growth": "gonogo.monitor.signals.score_variance_growth:ScoreVarianceGrowth",
        "server_error_share": "gonogo.monitor.signals.server_error_share:ServerErrorShare",
        "serving_skew": "gonogo.monitor.signals.serving_skew:ServingSkew",
        "training_failed": "gonogo.monitor.signals.training_failed:TrainingFailed",
        "unreachable": "gonogo.monitor.signals.unreachable:Unreachable",
        "volume_drop": "gonogo.monitor.signals.volume_drop:VolumeDrop",
        "volume_spike": "gonogo.monitor.signals.volume_spike:VolumeSpike",
        "weights": "gonogo.monitor.signals.weights:Weights",
    },
    "channels": {
        "alertmanager": "gonogo.monitor.channels.alertmanager:AlertmanagerChannel",
        "email": "gonogo.monitor.channels.email:EmailChannel",
        "file": "gonogo.monitor.channels.file:FileChannel",
        "log": "gonogo.monitor.channels.log:LogChannel",
        "memory": "gonogo.monitor.channels.memory:MemoryChannel",
        "pagerduty": "gonogo.monitor.channels.pagerduty:PagerdutyChannel",
        "slack": "gonogo.monitor.channels.slack:SlackChannel",
        "webhook": "gonogo.monitor.channels.webhook:WebhookChannel",
    },
}


def names(kind: str) -> list[str]:
    """Every name of a kind, ours and third parties', sorted."""
    return sorted({*CATALOGUE[kind], *(point.name for point in entry_points(group=f"gonogo.{kind}"))})


def load(kind: str, name: str) -> Any:
    """The object behind a name. Raises UsageError with a did-you-mean when nothing has that name."""
    place = CATALOGUE[kind].get(name)
    if place is None:
        for point in entry_points(group=f"gonogo.{kind}"):
            if point.name == name:
                return point.load()
        known = names(kind)
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known) or 'none'}."
        raise UsageError(f"no {kind.rstrip('s')} is called {name!r}.", hint=hint)
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
