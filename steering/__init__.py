"""Steering: what a person says becomes a typed directive or a question, is carried out, and is answered.

`read` understands plain commands, `carry_out` keeps a directive and changes the campaign, `answer` answers questions
from the archive, `Guidance` is what directives mean to the offline researcher, `verify` and `ablate` run programs
again.
"""
