"""What request bodies say about themselves, and how prompts are put into each wire format."""

import base64
import json
from typing import Any

import pytest

from llmledger.core.usage import Usage
from llmledger.dialects import load
from llmledger.dialects._contract import Attachment, Prompt
from llmledger.dialects._request import texts
from llmledger.errors import UsageError

PNG = Attachment(media_type="image/png", content=b"png")
PDF = Attachment(media_type="application/pdf", content=b"pdf")
WAV = Attachment(media_type="audio/wav", content=b"wav")
LINKED = Attachment(media_type="image/png", url="https://example.invalid/1.png")
CSV = Attachment(media_type="text/csv", content=b"a,b")


def facts(dialect: str, body: object, path: str = ""):
    """Read a request given as an object."""
    return load(dialect).read_request(json.dumps(body).encode(), path=path)


def built(dialect: str, prompt: Prompt) -> dict[str, Any]:
    """The body of a built request."""
    return json.loads(load(dialect).build_request(prompt).body)


def test_a_chat_request_names_user_session_and_tags_in_its_body() -> None:
    """OpenAI's `user` and `metadata`, with tags as a list or as plain values."""
    found = facts(
        "openai_chat",
        {
            "model": "gpt-5-mini",
            "stream": True,
            "stream_options": {"include_usage": False},
            "max_completion_tokens": 100,
            "service_tier": "flex",
            "user": "ann",
            "metadata": {"session_id": "s1", "tags": ["team=web", "beta", 3], "feature": "search", "n": 1},
            "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        },
    )
    assert (found.model, found.stream, found.usage_asked, found.max_output_tokens) == ("gpt-5-mini", True, False, 100)
    assert (found.user, found.session) == ("ann", "s1")
    assert found.tags == {"team": "web", "beta": "", "feature": "search"}
    assert found.price_context == {"service_tier": "flex"}


def test_azure_names_the_model_in_the_path() -> None:
    """The deployment stands in for the model that the body does not name."""
    path = "/openai/deployments/our-gpt/chat/completions"

    assert facts("openai_chat", {"messages": []}, path).model == "our-gpt"


def test_images_in_a_request_are_no_prompt_text() -> None:
    """Base64 data is not counted as characters for a tokenizer."""
    content = [
        {"type": "text", "text": "12345"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}},
        {"type": "file", "file": {"file_data": "B" * 9000}},
    ]
    assert facts("openai_chat", {"messages": [{"content": content}]}).input_characters < 60


def test_a_body_that_is_cut_still_names_its_model() -> None:
    """Only what stands on the outermost level counts; a model named inside a tool's input does not."""
    body = b'{"messages": [{"content": "say \\"model\\": 1", "input": {"model": "wrong"}}], "odd", "model": "right", '
    found = load("openai_chat").read_request(body + b'"stream": true, "max_tokens": 5, "tools": [{"a"')

    assert (found.model, found.stream, found.max_output_tokens) == ("right", True, 5)


def test_claude_code_packs_user_and_session_into_one_field() -> None:
    """Both spellings of its `metadata.user_id` are taken apart; any other is a user."""
    session = "0a1b2c3d-0000-1111-2222-333344445555"
    joined = f"user_{'ab' * 32}_account_{session}_session_{session}"
    packed = json.dumps({"device_id": "dev1", "account_uuid": "", "session_id": session})

    for user_id, user in ((joined, f"user_{'ab' * 32}"), (packed, "dev1")):
        found = facts("anthropic_messages", {"model": "claude", "metadata": {"user_id": user_id}})
        assert (found.user, found.session) == (user, session)
    assert facts("anthropic_messages", {"metadata": {"user_id": "ann"}}).user == "ann"
    assert facts("anthropic_messages", {"metadata": {"user_id": "{broken"}}).user == "{broken"


@pytest.mark.parametrize(
    ("path", "model", "stream"),
    [
        ("/model/us.anthropic.claude-x-v1:0/invoke-with-response-stream", "us.anthropic.claude-x-v1:0", True),
        ("/model/us.anthropic.claude-x-v1%3A0/invoke", "us.anthropic.claude-x-v1:0", False),
        ("/v1/projects/p/publishers/anthropic/models/claude-x:streamRawPredict", "claude-x", True),
        ("/v1/messages", None, False),
    ],
)
def test_hosted_claude_is_named_in_the_path(path: str, model: str | None, stream: bool) -> None:
    """Vertex and Bedrock put the model and the wish for a stream there."""
    found = facts("anthropic_messages", {"max_tokens": 10}, path)

    assert (found.model, found.stream, found.max_output_tokens) == (model, stream, 10)


def test_gemini_is_named_in_the_path_and_labelled_in_the_body() -> None:
    """Labels are tags; `user` among them is the user."""
    found = facts(
        "gemini",
        {"labels": {"user": "ann", "team": "web"}, "generationConfig": {"maxOutputTokens": 9}, "serviceTier": "flex"},
        "/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse",
    )
    assert (found.model, found.stream, found.max_output_tokens, found.user) == ("gemini-3-pro", True, 9, "ann")
    assert found.tags["team"] == "web"
    assert found.price_context == {"service_tier": "flex"}


def test_ollama_streams_unless_it_is_told_not_to() -> None:
    """Absent means streamed, but never for embeddings."""
    assert facts("ollama", {"model": "m"}, "/api/chat").stream is True
    assert facts("ollama", {"model": "m", "stream": False}, "/api/chat").stream is False
    assert facts("ollama", {"model": "m"}, "/api/embed").stream is False


def test_converse_names_model_stream_tier_and_limit() -> None:
    """Path, `serviceTier` and `inferenceConfig` of Bedrock."""
    body = {"inferenceConfig": {"maxTokens": 7}, "serviceTier": {"type": "flex"}, "requestMetadata": {"team": "web"}}
    found = facts("bedrock_converse", body, "/model/amazon.nova-pro-v1%3A0/converse-stream")

    assert (found.model, found.stream, found.max_output_tokens) == ("amazon.nova-pro-v1:0", True, 7)
    assert (found.price_context, found.tags) == ({"service_tier": "flex"}, {"team": "web"})
    assert facts("bedrock_converse", {}, "/elsewhere").model is None


def test_a_transcription_is_a_form_and_speech_is_json() -> None:
    """The model is read out of the multipart body; the text to speak counts as characters."""
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
        b'RIFF\x00\xff\r\n--x\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisper-1\r\n'
        b'--x\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n--x--\r\n'
    )
    found = load("openai_audio").read_request(form, path="/v1/audio/transcriptions")
    speech = facts("openai_audio", {"model": "tts-1", "input": "Hello."}, "/v1/audio/speech")

    assert (found.model, found.stream) == ("whisper-1", True)
    assert (speech.model, speech.input_characters) == ("tts-1", 6)


def test_speech_is_billed_by_the_characters_that_were_asked_for() -> None:
    """The sound says nothing about usage; an error bills nothing."""
    asked = facts("openai_audio", {"model": "tts-1", "input": "Hello."}, "/v1/audio/speech")
    spoken = load("openai_audio").meter(asked=asked)
    spoken.feed(b"ID3\x04\x00 sound")
    refused = load("openai_audio").meter(asked=asked)
    refused.feed(b'{"error": {"message": "no", "type": "invalid_request_error"}}')

    assert spoken.finish().usage.told() == {"characters": 6}
    assert refused.finish().usage.told() == {}


def test_images_are_asked_for_by_size_and_quality() -> None:
    """Price selectors of the models that are billed per image."""
    found = facts("openai_images", {"model": "dall-e-3", "size": "1024x1024", "quality": "hd", "prompt": "a cat"})

    assert found.price_context == {"size": "1024x1024", "quality": "hd"}
    assert found.input_characters == 5


def test_a_chat_is_built_with_system_history_attachments_and_options() -> None:
    """Options go into the body under their own names, and win."""
    prompt = Prompt(
        model="gpt-5",
        text="What is this?",
        system="Be brief.",
        stream=False,
        options={"temperature": 0},
        attachments=(PNG, LINKED, PDF, WAV),
        history=(("user", "Hi"), ("assistant", "Hello")),
    )
    body = built("openai_chat", prompt)

    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "user"]
    assert [part["type"] for part in body["messages"][-1]["content"]] == [
        "text",
        "image_url",
        "image_url",
        "file",
        "input_audio",
    ]
    assert body["messages"][-1]["content"][1]["image_url"]["url"] == "data:image/png;base64,cG5n"
    assert body["temperature"] == 0
    assert "stream" not in body and "stream_options" not in body


def test_a_streamed_chat_asks_for_its_usage() -> None:
    """Without the option no usage comes at the end of a stream."""
    body = built("openai_chat", Prompt(model="gpt-5", text="Hi", max_output_tokens=5))

    assert body["stream_options"] == {"include_usage": True}
    assert body["max_completion_tokens"] == 5


def test_the_other_formats_take_the_same_prompt() -> None:
    """System prompt, history and an image in each format's own place."""
    prompt = Prompt(
        model="m", text="T", system="S", attachments=(PNG,), history=(("assistant", "A"),), max_output_tokens=5
    )
    image = base64.b64encode(b"png").decode()

    responses = built("openai_responses", prompt)
    assert responses["instructions"] == "S" and responses["store"] is False and responses["stream"] is True
    assert responses["input"][-1]["content"][1] == {
        "type": "input_image",
        "image_url": f"data:image/png;base64,{image}",
    }
    messages = built("anthropic_messages", prompt)
    assert messages["system"] == "S" and messages["max_tokens"] == 5
    assert messages["messages"][-1]["content"][0]["source"]["data"] == image
    gemini = built("gemini", prompt)
    assert gemini["systemInstruction"] == {"parts": [{"text": "S"}]}
    assert gemini["contents"][0] == {"role": "model", "parts": [{"text": "A"}]}
    assert gemini["contents"][-1]["parts"][0]["inlineData"]["data"] == image
    ollama = built("ollama", prompt)
    assert ollama["messages"][0] == {"role": "system", "content": "S"}
    assert ollama["messages"][-1]["images"] == [image] and ollama["options"] == {"num_predict": 5}


def test_plain_prompts_stay_plain() -> None:
    """No system prompt, no limit, no options, no stream: nothing of them in the body."""
    prompt = Prompt(model="m", text="T", stream=False)

    assert built("openai_responses", prompt) == {
        "model": "m",
        "input": [{"role": "user", "content": "T"}],
        "store": False,
    }
    assert built("gemini", prompt) == {"contents": [{"role": "user", "parts": [{"text": "T"}]}]}
    assert load("gemini").build_request(prompt).path == "/v1beta/models/m:generateContent"
    assert built("ollama", prompt) == {"model": "m", "messages": [{"role": "user", "content": "T"}], "stream": False}
    assert built("anthropic_messages", prompt)["max_tokens"] == 4096
    assert built("openai_embeddings", prompt) == {"model": "m", "input": "T"}


def test_options_go_where_the_format_keeps_them() -> None:
    """Gemini's settings and Ollama's options have an object of their own; parts of the request do not."""
    prompt = Prompt(model="m", text="T", options={"temperature": 0, "tools": [], "think": False})

    assert built("gemini", prompt)["generationConfig"] == {"temperature": 0, "think": False}
    assert built("gemini", prompt)["tools"] == []
    assert built("ollama", prompt)["options"] == {"temperature": 0}
    assert built("ollama", prompt)["think"] is False


def test_addresses_of_attachments_are_passed_on_where_the_format_fetches_them() -> None:
    """A linked picture or document needs no bytes."""
    linked_pdf = Attachment(media_type="application/pdf", url="https://example.invalid/1.pdf")
    prompt = Prompt(model="m", text="T", attachments=(LINKED, linked_pdf))

    responses = built("openai_responses", prompt)["input"][-1]["content"]
    assert [part["type"] for part in responses] == ["input_text", "input_image", "input_file"]
    assert built("anthropic_messages", prompt)["messages"][-1]["content"][1]["source"]["url"] == linked_pdf.url
    assert built("gemini", prompt)["contents"][-1]["parts"][0]["fileData"]["fileUri"] == LINKED.url
    assert built("openai_responses", Prompt(model="m", text="T", attachments=(PDF,)))["input"][-1]["content"][1][
        "file_data"
    ]


@pytest.mark.parametrize(
    ("dialect", "attachment"),
    [
        ("openai_chat", CSV),
        ("openai_chat", Attachment(media_type="application/pdf", url="https://example.invalid/1.pdf")),
        ("openai_responses", CSV),
        ("anthropic_messages", CSV),
        ("ollama", PDF),
        ("ollama", LINKED),
        ("openai_embeddings", PNG),
    ],
)
def test_attachments_that_a_format_has_no_place_for_are_refused(dialect: str, attachment: Attachment) -> None:
    """One clear line with a hint, before anything is sent."""
    with pytest.raises(UsageError) as refused:
        load(dialect).build_request(Prompt(model="m", text="T", attachments=(attachment,)))
    assert refused.value.hint


def test_the_texts_of_a_request_are_known_so_that_they_can_be_kept_out_of_errors() -> None:
    """Every string of JSON but binary data; what is no JSON is one text; nothing is nothing."""
    body = b'{"a": ["one", {"b": "two"}], "url": "data:image/png;base64,AAAA", "data": "BBBB", "n": 1}'

    assert set(texts(body)) == {"one", "two"}
    assert texts(b"plain") == ("plain",)
    assert texts(b"") == ()


@pytest.mark.parametrize(
    ("parameters", "seconds", "context"),
    [
        ({"durationSeconds": 6, "sampleCount": 2, "resolution": "1080P"}, 12, {"resolution": "1080p"}),
        ({"durationSeconds": "4"}, 4, {}),
        ({}, 8, {}),
        ("nothing", 8, {}),
    ],
)
def test_a_video_is_ordered_by_the_second(parameters: object, seconds: int, context: dict[str, str]) -> None:
    """Length times number; what is left out is one video of the usual length."""
    body = json.dumps({"instances": [{"prompt": "x"}], "parameters": parameters}).encode()
    facts = load("gemini_operations").read_request(body, path="/v1beta/models/veo-3.1:predictLongRunning")

    assert (facts.model, facts.ordered, facts.price_context) == ("veo-3.1", Usage(video_seconds=seconds), context)


def test_an_order_that_was_refused_uses_nothing() -> None:
    """Only an operation that was begun counts as what was ordered."""
    asked = load("gemini_operations").read_request(b"{}", path="/v1beta/models/veo-3.1:predictLongRunning")
    begun, refused = (load("gemini_operations").meter(asked=asked) for _ in range(2))
    begun.feed(b'{"name": "models/veo-3.1/operations/1"}')
    refused.feed(b'{"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}}')

    assert (begun.finish().usage, refused.finish().usage) == (Usage(video_seconds=8), Usage())
