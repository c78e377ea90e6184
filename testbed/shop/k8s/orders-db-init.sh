#!/bin/bash
# Run once by the image, when the database is new: the account and the database of the
# orders. The superuser is not used for anything else.
set -eu
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv username ORDERS_USERNAME
\getenv password ORDERS_PASSWORD
CREATE ROLE :"username" LOGIN PASSWORD :'password';
CREATE DATABASE orders OWNER :"username";
SQL
