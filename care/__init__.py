"""The clinical side: consultation, history, note, consent, access, archive. No library, no I/O."""
