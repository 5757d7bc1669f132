"""Where each sealed file of a recording is: in the spool on this disk, in the object store, or in both."""

from enum import StrEnum

from sqlalchemy import delete, insert

from kernel.ids import ConsultationId
from records.engine import Connection
from records.tables import deliveries


class Place(StrEnum):
    SPOOL = "spool"
    BOTH = "both"
    STORE = "store"


async def note_spooled(connection: Connection, blob: str, consultation: ConsultationId) -> None:
    """Note that a file was completed on this disk; an earlier one of the same id is forgotten."""
    await connection.execute(delete(deliveries).where(deliveries.c.blob == blob))
    await connection.execute(insert(deliveries).values(blob=blob, consultation=consultation, place=Place.SPOOL))
