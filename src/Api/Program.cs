return 0;

