"""The warnings that stand: judge, rule, where (`*` stands for anything), why. Errors are never excused."""

EXCUSED = (
    (
        "spectral",
        "oas3-operation-security-defined",
        "/paths/*/security/*",
        "the names of permissions beside schemes other than OAuth: OpenAPI 3.1 has them, the rule knows 3.0 only",
    ),
    (
        "redocly",
        "operation-4xx-response",
        "/paths/~1health*",
        "takes no input and asks for no credentials: there is nothing to refuse",
    ),
    (
        "redocly",
        "operation-4xx-response",
        "/paths/~1metrics/get/responses",
        "takes no input and asks for no credentials: there is nothing to refuse",
    ),
    (
        "redocly",
        "operation-4xx-response",
        "/paths/~1asyncapi.json/get/responses",
        "takes no input and asks for no credentials: there is nothing to refuse",
    ),
)
