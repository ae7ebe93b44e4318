"""The database: tables, migrations, and one module of queries per noun.

No query stands outside it. Imports contracts, errors, ids and settings.
"""
