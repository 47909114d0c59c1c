// Package openapi serves the description of the API, which a test holds the routes to.
package openapi

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml"
)

var errContradiction = errors.New("another part says something else")

type tree = map[string]any

// Join joins the parts that each feature keeps in its folder. It fails where two parts say different things of one place.
func Join(parts ...[]byte) (map[string]any, error) {
	document := tree{}
	for _, part := range parts {
		var parsed tree
		if err := yaml.Unmarshal(part, &parsed); err != nil {
			return nil, fmt.Errorf("read a part of the API's description: %w", err)
		}
		if err := merge(document, parsed, ""); err != nil {
			return nil, err
		}
	}
	parameters := inside(document, "components", "parameters")
	paths := inside(document, "paths")
	for route := range paths {
		for method, operation := range inside(paths, route) {
			if described, ok := operation.(tree); ok && method != "parameters" {
				responses := commonResponses(route, described, parameters)
				maps.Copy(responses, inside(described, "responses"))
				described["responses"] = responses
			}
		}
	}
	return document, nil
}

func merge(into, part tree, place string) error {
	for name, value := range part {
		present, isThere := into[name]
		here := place + "/" + name
		if !isThere {
			into[name] = value
			continue
		}
		switch present := present.(type) {
		case tree:
			if branch, ok := value.(tree); ok {
				if err := merge(present, branch, here); err != nil {
					return err
				}
				continue
			}
		case []any:
			if list, ok := value.([]any); ok {
				into[name] = append(present, list...)
				continue
			}
		}
		if !reflect.DeepEqual(present, value) {
			return fmt.Errorf("%s: %w", here, errContradiction)
		}
	}
	return nil
}

func inside(branch tree, names ...string) tree {
	for _, name := range names {
		branch, _ = branch[name].(tree)
	}
	return branch
}

// commonResponses are what follows from an operation's path, access and input, so that it is not said by each again.
func commonResponses(route string, operation, parameters tree) tree {
	names := map[string]string{"500": "InternalServerError"}
	if strings.HasPrefix(route, "/v1/") {
		maps.Copy(names, map[string]string{"400": "MalformedRequest", "429": "RateLimited", "503": "ServiceUnavailable"})
		if security, _ := operation["security"].([]any); len(security) > 0 {
			maps.Copy(names, map[string]string{"401": "Unauthorized", "403": "Forbidden"})
		}
		_, hasBody := operation["requestBody"]
		if hasBody {
			maps.Copy(names, map[string]string{"413": "ContentTooLarge", "415": "UnsupportedMediaType"})
		}
		if hasBody || takesQuery(operation, parameters) {
			names["422"] = "ValidationFailed"
		}
		if strings.Contains(route, "{") {
			names["404"] = "NotFound"
		}
	}
	responses := make(tree, len(names))
	for status, name := range names {
		responses[status] = tree{"$ref": "#/components/responses/" + name}
	}
	return responses
}

func takesQuery(operation, parameters tree) bool {
	list, _ := operation["parameters"].([]any)
	for _, entry := range list {
		parameter, _ := entry.(tree)
		if reference, ok := parameter["$ref"].(string); ok {
			parameter = inside(parameters, path.Base(reference))
		}
		if parameter["in"] == "query" {
			return true
		}
	}
	return false
}
