"""Chat models of OpenAI's protocol that keep what other servers add to it, which LangChain's class leaves out."""

from __future__ import annotations

from typing import Any

import openai
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_openai import ChatOpenAI

from evolver.llm.replies import reasoning_in

REASONING = "reasoning_content"


class OpenAiCompatible(ChatOpenAI):
    """ChatOpenAI with the reasoning of a message, whichever field a server sends it in, in `additional_kwargs`."""

    def _create_chat_result(
        self, response: dict[str, Any] | openai.BaseModel, generation_info: dict[str, Any] | None = None
    ) -> ChatResult:
        result = super()._create_chat_result(response, generation_info)
        choices = response.get("choices") if isinstance(response, dict) else getattr(response, "choices", None)
        for generation, choice in zip(result.generations, choices or (), strict=False):
            message = choice.get("message") if isinstance(choice, dict) else getattr(choice, "message", None)
            fields = message if isinstance(message, dict) else getattr(message, "model_extra", None)
            if said := reasoning_in(fields or {}):
                generation.message.additional_kwargs[REASONING] = said
        return result

    def _convert_chunk_to_generation_chunk(
        self, chunk: dict[str, Any], default_chunk_class: type, base_generation_info: dict[str, Any] | None
    ) -> ChatGenerationChunk | None:
        made = super()._convert_chunk_to_generation_chunk(chunk, default_chunk_class, base_generation_info)
        choices = chunk.get("choices") or chunk.get("chunk", {}).get("choices") or [{}]
        if made is not None and (said := reasoning_in(choices[0].get("delta") or {})):
            made.message.additional_kwargs[REASONING] = said
        return made
