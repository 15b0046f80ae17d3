#!/usr/bin/env python3
"""Prints what the two programs are compiled of, as SPDX 2.3 in JSON: packaging/sbom.py [CARGO'S FEATURE OPTIONS]

Packages are those that `cargo tree` resolves for this target and these features, dependencies of tests left out; build scripts'
are in, since they run when the programs are made. Checksums are those of Cargo.lock. Invariants: the same Cargo.lock, features,
compiler's target and SOURCE_DATE_EPOCH give the same bytes; a licence that is not stated is NOASSERTION, never guessed.
"""

import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib

PROGRAMS = ("phasesweep", "phasesweep-analysis")
# A line of the tree: depth, name, version, what it is besides, licence. A subtree that was printed before ends with (*).
LINE = re.compile(r"(?P<depth>\d+)(?P<name>[A-Za-z][\w-]*) v(?P<version>\S+)(?P<rest>[^|]*)\|(?P<licence>.*)")


def tree(features):
    """Licences of the packages by (name, version), and the packages that each needs."""
    command = ["cargo", "tree", "--locked", "--workspace", "--edges", "normal,build", "--prefix", "depth"]
    command += ["--format", "{p}|{l}", *features]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    licences, needs, path = {}, {}, []
    for line in filter(None, text.splitlines()):
        found = LINE.fullmatch(line)
        if not found:
            sys.exit(f"error: `cargo tree` printed a line that is not understood: {line}")
        depth, package = int(found["depth"]), (found["name"], found["version"])
        licences[package] = found["licence"].removesuffix("(*)").strip()
        needs.setdefault(package, set())
        del path[depth:]
        if path:
            needs[path[-1]].add(package)
        path.append(package)
    return licences, needs


def reference(package):
    """The package's name within the document."""
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", "-".join(package))


def described(package, licence, checksum):
    """A package as SPDX has it; one of ours has no checksum in Cargo.lock."""
    name, version = package
    entry = {
        "SPDXID": reference(package),
        "name": name,
        "versionInfo": version,
        "downloadLocation": f"https://crates.io/crates/{name}/{version}" if checksum else "NOASSERTION",
        "filesAnalyzed": False,
        # Older crates write `/` for `OR`.
        "licenseDeclared": re.sub(r"\s*/\s*", " OR ", licence) or "NOASSERTION",
        "licenseConcluded": "NOASSERTION",
        "copyrightText": "NOASSERTION",
    }
    if checksum:
        entry["checksums"] = [{"algorithm": "SHA256", "checksumValue": checksum}]
        locator = f"pkg:cargo/{name}@{version}"
        purl = {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": locator}
        entry["externalRefs"] = [purl]
    return entry


def relation(subject, kind, other):
    """A line between two packages."""
    return {"spdxElementId": subject, "relationshipType": kind, "relatedSpdxElement": other}


def main():
    licences, needs = tree(sys.argv[1:])
    with open("Cargo.lock", "rb") as lock:
        sums = {(entry["name"], entry["version"]): entry.get("checksum") for entry in tomllib.load(lock)["package"]}
    ordered = sorted(licences)
    packages = [described(package, licences[package], sums[package]) for package in ordered]
    programs = [package for package in ordered if package[0] in PROGRAMS]
    relationships = [relation("SPDXRef-DOCUMENT", "DESCRIBES", reference(package)) for package in programs]
    for package in ordered:
        relationships += [
            relation(reference(package), "DEPENDS_ON", reference(other)) for other in sorted(needs[package])
        ]
    created = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    digest = hashlib.sha256(json.dumps([packages, relationships]).encode()).hexdigest()
    title = "-".join(programs[0])
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": title,
        "documentNamespace": f"https://spdx.org/spdxdocs/{title}-{digest[:32]}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Tool: packaging/sbom.py"]},
        "packages": packages,
        "relationships": relationships,
    }
    json.dump(document, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
