module ooda.dev/testbed/pause

go 1.21
