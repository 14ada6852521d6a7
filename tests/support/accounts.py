"""Every test of a suite's document stands in exactly one place."""

from typing import Any


def names(nodeids: list[str]) -> list[str]:
    return sorted(nodeid.rpartition("::")[2] for nodeid in nodeids)


def account_faults(document: dict[str, Any]) -> list[str]:
    """What does not add up, seen from outside."""
    faults = []
    counted = sum(document["counts"].values())
    if counted + len(document["in_flight"]) + len(document["missing"]) != document["collected"]:
        faults.append("the parts do not add up to the collection")
    if counted != document["ran"]:
        faults.append("ran is not the sum of the counts")
    members = [nodeid for chunk in document["chunks"] for nodeid in chunk["nodeids"]]
    if len(members) != len(set(members)):
        faults.append("a test stands in two chunks")
    if len(members) != document["collected"]:
        faults.append("the chunks are not the collection")
    if document["complete"] != (not document["in_flight"] and not document["missing"] and document["collected"] > 0):
        faults.append("complete is not what the rest says")
    if any(cluster["count"] != len(cluster["tests"]) for cluster in document["clusters"]):
        faults.append("a cluster's count is not that of its tests")
    failing = document["counts"]["failed"] + document["counts"]["error"] + len(document["in_flight"])
    clustered = [test for cluster in document["clusters"] for test in cluster["tests"]]
    if len(clustered) != failing or len(set(clustered)) != failing:
        faults.append("the clusters are not the failures")
    return faults
