module ooda.dev/testbed/runc-bounded

go 1.21
