package api

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// Encode returns compact JSON in the order of the fields: the same bytes in every service of a fleet.
func Encode(value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("write a reply: %w", err)
	}
	return body, nil
}

// JSON answers with a value.
func JSON(c *gin.Context, status int, value any) error {
	body, err := Encode(value)
	if err != nil {
		return err
	}
	Body(c, status, jsonType, body)
	return nil
}

// Created answers with a new resource and where it is.
func Created(c *gin.Context, location string, value any) error {
	c.Header("Location", location)
	return JSON(c, http.StatusCreated, value)
}

// NoContent answers without a body.
func NoContent(c *gin.Context) error {
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
	return nil
}

// EncodedJSON answers with a body that has been encoded before.
func EncodedJSON(c *gin.Context, status int, body []byte) { Body(c, status, jsonType, body) }

// Body answers with bytes of any type.
func Body(c *gin.Context, status int, contentType string, body []byte) {
	c.Header("Content-Type", contentType)
	c.Header("Content-Length", strconv.Itoa(len(body)))
	c.Status(status)
	_, _ = c.Writer.Write(body) // a client that has gone gets nothing
}

// List is what every list looks like.
type List[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor"`
}
