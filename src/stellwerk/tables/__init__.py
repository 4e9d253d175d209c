"""What files of tables look like, and how an odd one becomes a plain one. Ingestion and bulk prediction both read by it.

Plain is UTF-8 with line feeds, an object a line for JSON, and Parquet for what is no text. A plain file is read where it
lies; only an odd one is copied, so that the many pay nothing for the few.
"""
