"""The names that OpenTelemetry's conventions give to what a span says.

Written out, because they must not need the library. A test compares them with it.
"""

SCHEMA_URL = "https://opentelemetry.io/schemas/1.37.0"
"""The version of the semantic conventions, those for GenAI included, that the names follow. Source:
opentelemetry.io/docs/specs/semconv/gen-ai, where 1.37.0 introduced ``gen_ai.provider.name``."""

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
TOOL = "gen_ai.tool.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
FINISH_REASONS = "gen_ai.response.finish_reasons"
METHOD = "http.request.method"
STATUS = "http.response.status_code"
SERVER = "server.address"

PROVIDERS = {"azure": "azure.ai.openai"}
"""Providers whose name there is another than in a models file."""
