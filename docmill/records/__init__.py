"""The database: tables, migrations, and one module of queries per noun.

All queries are here. Imports contracts, errors, ids and settings.
"""
