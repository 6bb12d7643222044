"""Programs in the archive, by the hash of their content."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from evolver.contracts import Program
from evolver.errors import UnknownName
from evolver.memory.database import Repository
from evolver.memory.schema import ProgramRow

_PROGRAM = select(ProgramRow.files).where(ProgramRow.id == bindparam("id"))


class ProgramRepository(Repository):
    """Programs; they come in with the experiments that they are of."""

    def get(self, program_id: str) -> Program:
        """A program by its id.

        Args:
            program_id: As in `Experiment.program`: the hash of its content.

        Returns:
            The program.

        Raises:
            UnknownName: There is no such program in the archive.
        """
        with self._database.read() as connection:
            files = connection.scalar(_PROGRAM, {"id": program_id})
        if files is None:
            raise UnknownName(f"there is no program {program_id} in the archive")
        return Program(files=files)
