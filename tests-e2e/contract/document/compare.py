#!/usr/bin/env python3
"""What differs between two OpenAPI documents for a caller, grouped by kind; what is only written otherwise does not count.

usage: compare.py [--texts] BEFORE AFTER
References are followed, so a schema that moves or gets another name is no difference where it is used. The same
difference in several places is told once. --texts compares descriptions and summaries too. Ends with 1 when there is one.
"""

import collections
import json
import pathlib
import sys

METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
# What a schema says of its value, beside its parts.
RULES = (
    "type",
    "format",
    "enum",
    "const",
    "default",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "contentMediaType",
    "contentEncoding",
    "readOnly",
    "writeOnly",
    "deprecated",
)


def compact(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


class Document:
    """Facts of one document: kind -> (place, detail) -> value."""

    def __init__(self, path, texts):
        self.root = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        self.texts = texts
        self.facts = collections.defaultdict(dict)
        for name in self.root.get("components", {}).get("schemas", {}):
            self.note("schema names", "component", name, "")
        for name, scheme in self.root.get("components", {}).get("securitySchemes", {}).items():
            self.note(
                "security schemes", "component", name, {key: scheme[key] for key in scheme if key != "description"}
            )
        for key in ("openapi", "servers", "security"):
            self.note("document", key, "", self.root.get(key))
        for key, value in self.root["info"].items():
            self.note("document", "info", key, value)
        for tag in self.root.get("tags", []):
            self.note("document", "tag", tag["name"], "described" if tag.get("description") else "bare")
        for path_text, item in self.root["paths"].items():
            for method in METHODS:
                if method in item:
                    self.operation(f"{method.upper()} {path_text}", item[method], item.get("parameters", []))

    def note(self, kind, place, detail, value):
        self.facts[kind][place, detail] = value if isinstance(value, str) else compact(value)

    def text(self, place, detail, thing):
        if self.texts:
            for key in ("summary", "description"):
                if key in thing:
                    self.note("texts", place, f"{detail} {key}".strip(), thing[key])

    def resolve(self, thing):
        """The thing itself, with the name of its component when it is a reference."""
        name = None
        while isinstance(thing, dict) and "$ref" in thing:
            name = thing["$ref"]
            target = self.root
            for part in name.removeprefix("#/").split("/"):
                target = target[part.replace("~1", "/").replace("~0", "~")]
            thing = {**target, **{key: value for key, value in thing.items() if key != "$ref"}}
        return thing, name

    def operation(self, place, operation, shared):
        self.note("operations", place, "", "")
        self.note("operation ids", place, "operationId", operation.get("operationId", ""))
        self.note("operation tags", place, "tags", operation.get("tags", []))
        self.note("security", place, "security", operation.get("security", "absent"))
        if operation.get("deprecated"):
            self.note("operations", place, "deprecated", "true")
        self.text(place, "", operation)
        for parameter in [*shared, *operation.get("parameters", [])]:
            parameter, _ = self.resolve(parameter)
            name = f"{parameter['in']} {parameter['name']}"
            facts = {
                key: parameter[key] for key in ("style", "explode", "allowReserved", "deprecated") if key in parameter
            }
            required = "required" if parameter.get("required") else "optional"
            self.note("parameters", place, name, f"{required} {compact(facts) if facts else ''}".strip())
            self.text(place, name, parameter)
            if "schema" in parameter:
                self.schema("parameter schemas", place, name, parameter["schema"], ())
        if "requestBody" in operation:
            body, _ = self.resolve(operation["requestBody"])
            self.note("request bodies", place, "body", "required" if body.get("required") else "optional")
            self.contents("request", place, body.get("content", {}))
        for status, response in operation.get("responses", {}).items():
            self.response(place, status, response)

    def response(self, place, status, response):
        response, _ = self.resolve(response)
        self.note("statuses", place, status, "")
        self.text(f"{place} {status}", "", response)
        for name, header in response.get("headers", {}).items():
            header, _ = self.resolve(header)
            self.note("headers", f"{place} {status}", name, "required" if header.get("required") else "optional")
            self.schema("header schemas", f"{place} {status}", name, header.get("schema", {}), ())
        contents = response.get("content", {})
        self.contents(status, place, contents)
        for content in contents.values():
            for example in self.examples(content):
                code = example.get("error", {}).get("code") if isinstance(example, dict) else None
                if code:
                    self.note("error codes", place, f"{status} {code}", "")

    def examples(self, content):
        if "example" in content:
            yield content["example"]
        for example in content.get("examples", {}).values():
            yield self.resolve(example)[0].get("value")

    def contents(self, what, place, contents):
        for media, content in contents.items():
            self.note("media types", place, f"{what} {media}", "")
            self.note("examples", place, f"{what} {media}", sorted(map(compact, self.examples(content))))
            direction = "request schemas" if what == "request" else "answer schemas"
            for key in ("schema", "itemSchema"):
                if key in content:
                    beginning = f"{media} " if key == "schema" else f"{media} each "
                    self.schema(
                        direction, f"{place} {what}", beginning.replace("application/json ", ""), content[key], ()
                    )

    def schema(self, kind, place, path, schema, above):
        """Notes what a value at this path may be. A choice between null and a thing is a thing that may be null."""
        schema, name = self.resolve(schema)
        if name in above:
            self.note(kind, place, path, f"again {name.rsplit('/', 1)[-1]}")
            return
        above = (*above, name) if name else above
        if not isinstance(schema, dict):
            self.note(kind, place, path, schema)
            return
        self.text(place, path, schema)
        choices = schema.get("oneOf") or schema.get("anyOf") or []
        things = [one for one in choices if self.resolve(one)[0].get("type") != "null"]
        if len(things) == 1 and len(choices) == 2 and not schema.get("properties"):
            inner, _ = self.resolve(things[0])
            kinds = inner.get("type", [])
            kinds = [kinds] if isinstance(kinds, str) else kinds
            schema = {**inner, "type": [*kinds, "null"]}
            choices = []
        for part in schema.get("allOf", []):
            self.schema(kind, place, path, part, above)
        rules = {key: schema[key] for key in RULES if key in schema}
        if isinstance(rules.get("type"), list):
            rules["type"] = sorted(rules["type"])
        if "enum" in rules:
            rules["enum"] = sorted(rules["enum"], key=compact)
        if rules or not schema.get("allOf"):
            self.note(kind, place, path, rules)
        for number, one in enumerate(choices):
            self.schema(kind, place, f"{path}|{number}", one, above)
        required = schema.get("required", [])
        for key, part in schema.get("properties", {}).items():
            self.note(kind, place, f"{path}.{key} is there", "always" if key in required else "maybe")
            self.schema(kind, place, f"{path}.{key}", part, above)
        if isinstance(schema.get("items"), dict):
            self.schema(kind, place, f"{path}[]", schema["items"], above)
        if "contentSchema" in schema:
            self.schema(kind, place, f"{path} content", schema["contentSchema"], above)
        extra = schema.get("additionalProperties")
        if extra is not None:
            self.schema(kind, place, f"{path}.*", extra, above)


def differences(before, after):
    """(sign, detail, from, to) -> places."""
    found = collections.defaultdict(list)
    for place, detail in {**before, **after}:
        old, new = before.get((place, detail)), after.get((place, detail))
        if old != new:
            sign = "+" if old is None else "-" if new is None else "~"
            found[sign, detail, old, new].append(place)
    return found


def shown(value, limit=160):
    return value if len(value) <= limit else f"{value[:limit]}…"


def report(kind, found):
    print(f"{kind}: {len(found)}")
    for (sign, detail, old, new), places in sorted(found.items(), key=lambda item: (item[1][0], item[0][1])):
        where = places[0] if len(places) == 1 else f"{places[0]} and {len(places) - 1} more"
        change = f"{shown(old)} -> {shown(new)}" if sign == "~" else shown(new or old or "")
        print("  " + " ".join(part for part in (sign, where, detail.strip(), change) if part))


def main():
    words = [word for word in sys.argv[1:] if word != "--texts"]
    before, after = (Document(word, "--texts" in sys.argv).facts for word in words)
    total = 0
    for kind in dict.fromkeys([*before, *after]):
        found = differences(before.get(kind, {}), after.get(kind, {}))
        total += len(found)
        if found:
            report(kind, found)
    print(f"{total} differences" if total else "no difference")
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
