from groundwire_training.cli import main

raise SystemExit(main())
