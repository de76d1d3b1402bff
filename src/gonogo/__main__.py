"""`python -m gonogo` is `gonogo`."""

from gonogo.cli import main

if __name__ == "__main__":
    main()
