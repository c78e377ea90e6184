#!/bin/bash
# The part of the official image's entry point that is used here: POSTGRES_USER,
# POSTGRES_PASSWORD, POSTGRES_DB, PGDATA and scripts in /docker-entrypoint-initdb.d.
set -eu
: "${PGDATA:=/var/lib/postgresql/data}" "${POSTGRES_USER:=postgres}"
: "${POSTGRES_DB:=$POSTGRES_USER}"
export PGDATA

initialise() {
  : "${POSTGRES_PASSWORD:?set POSTGRES_PASSWORD to initialise the database}"
  local fresh=$PGDATA/.initialising
  mkdir -p "$PGDATA"
  chmod 700 "$PGDATA"
  rm -rf "$fresh"
  initdb --pgdata="$fresh" --username="$POSTGRES_USER" --encoding=UTF8 --locale=C.UTF-8 \
    --auth-local=trust --auth-host=scram-sha-256 --pwfile=<(printf '%s\n' "$POSTGRES_PASSWORD")
  echo "host all all all scram-sha-256" >> "$fresh/pg_hba.conf"
  echo "listen_addresses = '*'" >> "$fresh/postgresql.conf"
  pg_ctl --pgdata="$fresh" --wait start -o "-c listen_addresses=''"
  export PGUSER=$POSTGRES_USER
  [ "$POSTGRES_DB" = postgres ] || createdb "$POSTGRES_DB"
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    case $script in
      *.sh) bash "$script" ;;
      *.sql) psql --no-psqlrc --set=ON_ERROR_STOP=1 --dbname="$POSTGRES_DB" --file="$script" ;;
    esac
  done
  pg_ctl --pgdata="$fresh" --wait --mode=fast stop
  # Only a complete database gets its place: one that was killed half-way is made anew.
  local version entry
  version=$(cat "$fresh/PG_VERSION")
  rm "$fresh/PG_VERSION"
  for entry in "$fresh"/*; do
    rm -rf "${PGDATA:?}/${entry##*/}" # of one that was killed at this very place
    mv "$entry" "$PGDATA"/
  done
  rmdir "$fresh"
  echo "$version" > "$PGDATA/PG_VERSION"
}

case ${1:-postgres} in
  postgres | -*)
    [ "${1:-}" = postgres ] && shift
    [ -s "$PGDATA/PG_VERSION" ] || initialise
    exec postgres "$@"
    ;;
  *) exec "$@" ;;
esac
