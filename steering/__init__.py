"""Steering: what a person says becomes a typed directive or a question, is carried out, and is answered.

`grammar` understands plain sentences and `llm_parser` loose ones, by the classes in `directives` and `questions`, which
also do what was said and answer what was asked; `search_bias` is what directives mean to a researcher that draws
changes, `directive_effect` what they changed.
"""
