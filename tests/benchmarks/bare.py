"""The least an address can do for a report: read its JSON, INSERT one row, commit. Served by gunicorn as `bare:app`."""

from __future__ import annotations

import os
import threading

import psycopg2
from flask import Flask, Response, jsonify, request

app = Flask(__name__)
local = threading.local()

TABLE = """CREATE TABLE IF NOT EXISTS bare (id bigserial PRIMARY KEY, at timestamptz DEFAULT now(), x float8, y float8,
category text, description text, accuracy float8, geom geometry(Point, 4326))"""
INSERT = """INSERT INTO bare (x, y, category, description, accuracy, geom)
VALUES (%(x)s, %(y)s, %(category)s, %(description)s, %(accuracy)s, ST_SetSRID(ST_MakePoint(%(x)s, %(y)s), 4326))
RETURNING id"""


@app.post("/api/v1/reports")
def store() -> tuple[Response, int]:
    """One report, committed."""
    if not hasattr(local, "connection"):
        local.connection = psycopg2.connect(os.environ["BARE_DSN"])
    with local.connection, local.connection.cursor() as cursor:
        cursor.execute(INSERT, request.get_json())
        number = cursor.fetchone()[0]
    return jsonify(case=number), 201
