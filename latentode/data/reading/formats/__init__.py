"""What a log may be written in: one class per format, each in a module of its own.

A format is a subclass of `table.Format` and stands, as ``FORMAT``, in a module of this folder.
`open_table` collects them and asks them in the order of their ranks; the first that can opens the
log. Afterwards they are asked about the columns, in the same order; where none knows them, names
and first cells tell whether the log is wide or long (`column_roles`).

**Data frames** (`data_frame`) are read as they are, a named index as a column. Cells keep their
types, and ids are written as a CSV file would hold them: 7.0 is the series "7".

**Frames of Polars, DuckDB, pyarrow** and of others that speak Arrow (`arrow_frame`, `frames`) are
read as typed columns, numbers and times where they lie; a lazy frame is collected.

**Parquet** (`parquet`) is read by pyarrow as typed columns. An index that pandas stored is a column
like others.

**Feather, Arrow streams and ORC** (`arrow_file`) are read as typed columns; a column of lists,
records or bytes is left out and said.

**Spreadsheets** (`excel`) are read sheet by sheet (`sheet_cells`), the header found as in CSV.

**Databases** (`database`): a table or a query of SQLite (`sqlite_source`) or PostgreSQL
(`postgres_source`), named by a file or a URL (`database_url`); the states and statistics that Home
Assistant keeps (`home_assistant_database`) are read as they are.

**netCDF** (`netcdf`) is read raw (`netcdf_file`): times (`cf_time`), missing values (`cf_values`)
and series (`netcdf_series`) are told by the CF conventions, channel by channel.

**Recordings** are read channel by channel into the long layout (`long_columns`), each at its own
times, by a package that is asked for only then: **EDF and EDF+** (`edf`) with each record at its
own onset, **TDMS** (`tdms`, `tdms_clocks`) with each segment at its own start, **FIT** (`fit`) by
the stamps of its record messages, **XDF** (`xdf`) by the stamps of its samples.

**Home Assistant exports** (`home_assistant`) are CSV with the columns ``entity_id``, ``state`` and
``last_changed``: one series, a channel for each entity; "unavailable" and "unknown" are missing.

**InfluxDB annotated CSV** (`influx`) begins with rows of ``#group``, ``#datatype`` or ``#default``,
and holds several tables. It is read as a whole: fields are channels, and a tag is the series. A
result with a column for each field is read as a wide log without the columns of InfluxDB.

**CSV** (`csv_table`) comes last, as it takes every text, packed with gzip or not and in any
encoding (`text_blocks`). Separator, names, units and the first row are found in the first lines
(`csv_dialect`, `csv_header`, `csv_columns`), then pyarrow parses the whole file (`csv_parser`),
where it lies if it is plain UTF-8, and mended on the way if not (`csv_source`).

Text, Parquet and Arrow files are also opened in blocks of rows (`Format.blocks`), all others whole.
"""
