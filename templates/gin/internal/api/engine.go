// Package api is the edge of the service: what every operation shares.
package api

import "github.com/gin-gonic/gin"

// NewEngine returns Gin without the defaults that the API does not have: every path has one spelling, a wrong method is
// told from an unknown path, and addresses of clients are ours to find out.
func NewEngine() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	rules() // is Gin's validator from now on
	engine := gin.New()
	engine.RedirectTrailingSlash = false
	engine.HandleMethodNotAllowed = true
	engine.UseEscapedPath = true
	engine.UnescapePathValues = false
	engine.ForwardedByClientIP = false
	engine.ContextWithFallback = true
	return engine
}
