"""Everything durable. The only package that imports SQLAlchemy."""
