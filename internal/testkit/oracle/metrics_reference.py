"""Metrics by scikit-learn, for internal/metrics.

    metrics_reference.py --make        makes the cases of testdata/golden.json
    metrics_reference.py CASES.json    answers the cases of a test

Prints the cases with what scikit-learn (scipy, numpy) says of each; null is
undefined. 1.0 of a case is one image, or one draw of it where weights are given.
"""
import json
import sys
import warnings

import numpy as np
from scipy import stats
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

warnings.filterwarnings("ignore")


def binary(case):
    p = np.array(case["scores"], float)
    y = np.array(case["labels"], int)
    w = np.array(case.get("weights") or np.ones(len(p)), float)
    t = case["threshold"]
    call = (p >= t).astype(int)
    kw = dict(sample_weight=w)
    tn, fp, fn, tp = (int(v) for v in sk.confusion_matrix(y, call, labels=[0, 1], **kw).ravel())
    both = tp + fn > 0 and tn + fp > 0
    want = {"confusion": [tp, fp, tn, fn]}
    want["accuracy"] = sk.accuracy_score(y, call, **kw)
    want["balanced_accuracy"] = sk.balanced_accuracy_score(y, call, **kw) if both else None
    want["sensitivity"] = sk.recall_score(y, call, **kw) if tp + fn else None
    want["specificity"] = sk.recall_score(y, call, pos_label=0, **kw) if tn + fp else None
    want["precision"] = sk.precision_score(y, call, **kw) if tp + fp else None
    want["f1"] = sk.f1_score(y, call, **kw) if 2 * tp + fp + fn else None
    want["mcc"] = sk.matthews_corrcoef(y, call, **kw) if both else None
    want["auc"] = sk.roc_auc_score(y, p, **kw) if both else None
    want["average_precision"] = sk.average_precision_score(y, p, **kw) if tp + fn else None
    want["brier"] = float(np.average((p - y) ** 2, weights=w)) if not both else sk.brier_score_loss(y, p, **kw)
    want["log_loss"] = sk.log_loss(y, p, labels=[0, 1], **kw)
    if both and not case.get("weights"):
        curves(want, y, p)
    return want


def curves(want, y, p):
    fpr, tpr, _ = sk.roc_curve(y, p, drop_intermediate=False)
    want["roc"] = [fpr.tolist(), tpr.tolist()]
    precision, recall, _ = sk.precision_recall_curve(y, p)
    want["pr"] = [recall[:-1][::-1].tolist(), precision[:-1][::-1].tolist()]
    share, mean = calibration_curve(y, p, n_bins=10, strategy="uniform")
    want["reliability"] = [mean.tolist(), share.tolist()]
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-300)
    want["best"] = {
        "max-f1": float(f1.max()),
        "youden": float((tpr - fpr).max()),
        "sensitivity=0.9": float((1 - fpr[tpr >= 0.9]).max()),
        "specificity=0.9": float(tpr[1 - fpr >= 0.9].max()),
    }


def multi(case):
    k = len(case["classes"])
    p = np.array(case["probs"], float).reshape(-1, k)
    y = np.array(case["labels"], int)
    call = p.argmax(1)
    present = len(set(y)) == k
    return {
        "confusion": sk.confusion_matrix(y, call, labels=range(k)).tolist(),
        "accuracy": sk.accuracy_score(y, call),
        "balanced_accuracy": sk.balanced_accuracy_score(y, call),
        "macro_f1": sk.f1_score(y, call, average="macro"),
        "macro_auc": sk.roc_auc_score(y, p, multi_class="ovr", average="macro") if present else None,
        "log_loss": sk.log_loss(y, p, labels=range(k)),
    }


def mcnemar(case):
    a, b = case["only_a"], case["only_b"]
    chi2 = max(abs(a - b) - 1, 0) ** 2 / (a + b)
    return {"p": stats.binomtest(min(a, b), a + b, 0.5).pvalue, "p_chi2": float(stats.chi2.sf(chi2, 1))}


def quantile(case):
    return {"q": np.quantile(case["values"], case["at"]).tolist()}


def answer(case):
    kinds = {"binary": binary, "multi": multi, "mcnemar": mcnemar, "quantile": quantile}
    case["want"] = kinds[case["kind"]](case)
    return case


def make():
    r = np.random.default_rng(2)
    cases = []
    for n, digits, share, threshold in [(80, 6, 0.5, 0.5), (80, 1, 0.5, 0.4), (60, 2, 0.1, 0.7), (40, 3, 0.0, 0.5),
                                        (40, 3, 1.0, 0.5), (12, 0, 0.5, 0.5), (30, 2, 0.5, 1.5), (1, 3, 1.0, 0.2)]:
        y = r.random(n) < share
        p = np.round(1 / (1 + np.exp(-(r.normal(size=n) * 1.5 + 2.0 * y - 1))), digits)
        cases.append({"kind": "binary", "scores": p.tolist(), "labels": y.tolist(), "threshold": threshold})
    for n, k, present in [(90, 3, 3), (60, 4, 3)]:
        y = r.integers(0, present, n)
        z = r.normal(size=(n, k)) + 1.2 * np.eye(k)[y]
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        cases.append({"kind": "multi", "probs": p.ravel().tolist(), "labels": y.tolist(),
                      "classes": [f"c{i}" for i in range(k)]})
    for a, b in [(1, 0), (5, 5), (3, 12), (120, 80), (4000, 3500)]:
        cases.append({"kind": "mcnemar", "only_a": a, "only_b": b})
    cases.append({"kind": "quantile", "values": sorted(r.normal(size=37).tolist()), "at": [0, 0.025, 0.1, 0.5, 0.975, 1]})
    return cases


cases = make() if sys.argv[1] == "--make" else json.load(open(sys.argv[1]))
json.dump([answer(c) for c in cases], sys.stdout)
