"""``python -m anymask``; torchrun starts it so: ``torchrun --nproc-per-node 8 -m anymask …``."""

from anymask.cli.main import main

if __name__ == "__main__":
    main()
