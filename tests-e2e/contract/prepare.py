"""Writes the official OpenAPI files as JSON, with their defects patched. README.md gives the reason of each patch.

usage: prepare.py CONTRACT_DIR OUT_DIR
OUT_DIR/generated holds the copies from which answers are made up, OUT_DIR/operations.json names all operations,
OUT_DIR/properties.json names what the good answers of each may hold.
Prints how often each patch was applied; a patch that finds nothing to do any more is an error, so none outlives its
defect.
"""

import copy
import json
import pathlib
import sys
from collections import Counter

import yaml

FILES = {
    "authorization": "1nce-authorization-openapi.yml",
    "sims-v1": "1nce-sim-management-openapi.yml",
    "sims-v2": "1nce-sim-management-v2-openapi.yml",
    "orders": "1nce-order-management-openapi.yml",
    "products": "1nce-product-information-openapi.yml",
    "support": "1nce-support-management-openapi.yml",
}
METHODS = ("get", "put", "post", "delete", "patch", "head", "options")


def operations(spec):
    """(method, path, operation) of every operation of a file."""
    for path, item in spec["paths"].items():
        for method in METHODS:
            if method in item:
                yield method, path, item[method]


def nodes(node):
    """Every JSON object of a document."""
    if isinstance(node, dict):
        yield node
        for value in list(node.values()):
            yield from nodes(value)
    elif isinstance(node, list):
        for value in node:
            yield from nodes(value)


def empty_paths(spec):
    """P1: a path without an operation."""
    empty = [path for path, item in spec["paths"].items() if not any(method in item for method in METHODS)]
    for path in empty:
        del spec["paths"][path]
    return len(empty)


def text_examples(spec):
    """P2: examples of text that YAML reads as a number."""
    count = 0
    for node in nodes(spec):
        schema = node.get("schema", node)
        if isinstance(schema, dict) and schema.get("type") == "string" and "example" in node:
            if isinstance(node["example"], (int, float)) and not isinstance(node["example"], bool):
                node["example"] = str(node["example"])
                count += 1
    return count


def parse_errors(spec):
    """P3: no answer is declared for a request that is malformed."""
    count = 0
    for _, _, operation in operations(spec):
        if "400" not in operation["responses"] and may_be_malformed(operation):
            operation["responses"]["400"] = {"description": "Bad Request (not in the official file)"}
            count += 1
    return count


def may_be_malformed(operation):
    return "requestBody" in operation or any(
        parameter.get("in") != "path" or parameter["schema"]["type"] != "string"
        for parameter in operation.get("parameters", [])
        if "$ref" not in parameter
    )


def unknown_sms(spec):
    """P4: cancelling an SMS that does not exist has no answer, reading it has."""
    item = spec["paths"].get("/v1/sims/{iccid}/sms/{id}")
    if item is None or "404" in item["delete"]["responses"]:
        return 0
    item["delete"]["responses"]["404"] = item["get"]["responses"]["404"]
    return 1


def refused_token(spec):
    """P5: v2 declares no answer for a refused token although it asks for one."""
    count = 0
    for _, _, operation in operations(spec):
        if {"BearerAuthentication": []} in operation.get("security", []) and "401" not in operation["responses"]:
            operation["responses"]["401"] = {"description": "Unauthorized (not in the official file)"}
            count += 1
    return count


def overlapping_alternatives(spec):
    """P6: alternatives of which exactly one shall fit, but which all fit the same object."""
    count = 0
    for node in nodes(spec):
        if "oneOf" in node:
            node["anyOf"] = node.pop("oneOf")
            count += 1
    return count


def any_media_type(spec):
    """P7: answers of the media type */*, which no mock can choose for a caller who asks for JSON."""
    count = 0
    for node in nodes([operation["responses"] for _, _, operation in operations(spec)]):
        if "*/*" in node.get("content", {}):
            node["content"]["application/json"] = node["content"].pop("*/*")
            count += 1
    return count


def references(node):
    """Names of the component schemas that a part of a document uses, directly."""
    prefix = "#/components/schemas/"
    return {n["$ref"].removeprefix(prefix) for n in nodes(node) if n.get("$ref", "").startswith(prefix)}


def answers(spec):
    """The parts of a document that describe answers and no requests."""
    schemas = spec.get("components", {}).get("schemas", {})
    asked = references([operation.get("requestBody") for _, _, operation in operations(spec)])
    while more := references([schemas[name] for name in asked]) - asked:
        asked |= more
    parts = [operation["responses"] for _, _, operation in operations(spec)]
    parts += [spec.get("components", {}).get("responses", {})]
    return parts + [schema for name, schema in schemas.items() if name not in asked]


def closed_answers(spec):
    """P8: objects in answers may hold any further name, so a misspelt name would pass."""
    closed = 0
    for node in nodes(answers(spec)):
        if isinstance(node.get("properties"), dict) and "additionalProperties" not in node:
            node["additionalProperties"] = False
            closed += 1
    return closed


def promised_headers(spec):
    """P9: the headers of good answers are optional, so an answer without them would pass."""
    count = 0
    for _, _, operation in operations(spec):
        for status, answer in operation["responses"].items():
            for header in answer.get("headers", {}).values() if status.startswith("2") else ():
                if not header.get("required"):
                    header["required"] = True
                    count += 1
    return count


PATCHES = (
    empty_paths,
    text_examples,
    parse_errors,
    unknown_sms,
    refused_token,
    overlapping_alternatives,
    any_media_type,
    closed_answers,
    promised_headers,
)


def for_generation(spec):
    """Narrows a copy so that made-up answers could come from 1NCE; README.md gives the reasons (G1 to G3)."""
    for node in nodes(answers(spec)):
        if node.get("type") == "string" and "example" in node and not {"enum", "format", "pattern"} & node.keys():
            node["enum"] = [node["example"]]
        if node.get("type") == "array":
            node["minItems"] = 1
        for name, schema in (node.get("properties") or {}).items():
            if name in ("id", "order_number") and schema.get("type") == "number":
                schema.update({"type": "integer", "minimum": 0})
    return spec


def properties(spec, schema, path=""):
    """Paths of all properties a schema declares, e.g. `[].quota_status.id`."""
    if "$ref" in schema:
        schema = spec["components"]["schemas"][schema["$ref"].removeprefix("#/components/schemas/")]
    for part in schema.get("allOf", []) + schema.get("anyOf", []) + schema.get("oneOf", []):
        yield from properties(spec, part, path)
    if "items" in schema:
        yield from properties(spec, schema["items"], f"{path}[]")
    for name, part in (schema.get("properties") or {}).items():
        yield f"{path}.{name}"
        yield from properties(spec, part, f"{path}.{name}")


def good_properties(spec, operation):
    """What the good answers of an operation may hold."""
    answers = [answer for status, answer in operation["responses"].items() if status.startswith("2")]
    schemas = [media["schema"] for answer in answers for media in answer.get("content", {}).values()]
    return sorted({path for schema in schemas for path in properties(spec, schema)})


def write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, default=str), encoding="utf-8")


def main():
    source, target = map(pathlib.Path, sys.argv[1:])
    applied = Counter()
    listing, declared = [], {}
    for name, file in FILES.items():
        spec = yaml.safe_load((source / file).read_text(encoding="utf-8"))
        for patch in PATCHES:
            applied[patch.__doc__] += patch(spec)
        write(target / f"{name}.json", spec)
        write(target / "generated" / f"{name}.json", for_generation(copy.deepcopy(spec)))
        listing += [f"{method.upper()} {path}" for method, path, _ in operations(spec)]
        for method, path, operation in operations(spec):
            declared[f"{method.upper()} {path}"] = good_properties(spec, operation)
    write(target / "operations.json", listing)
    write(target / "properties.json", declared)
    for patch in PATCHES:
        print(f"    {applied[patch.__doc__]:3} x {patch.__doc__}")
        if not applied[patch.__doc__]:
            sys.exit(f"error: the official files no longer need this patch, remove it: {patch.__doc__}")
    print(f"    {len(listing)} operations in {len(FILES)} files")


if __name__ == "__main__":
    main()
