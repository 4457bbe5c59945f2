package client

// What is made of the OpenAPI document of the actions by a generator that is not ours.
//go:generate go tool -modfile=../../../tools/go.mod oapi-codegen -generate types,client -package client -o client.gen.go ../../../serve/actions/openapi.json
