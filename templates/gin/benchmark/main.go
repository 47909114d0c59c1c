// A plain Gin service to measure against: bare, or (EQUIPPED=1) with what its users usually add.
package main

import (
	"database/sql"
	"errors"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/gin-contrib/secure"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	sloggin "github.com/samber/slog-gin"
	"github.com/ulule/limiter/v3"
	limitergin "github.com/ulule/limiter/v3/drivers/middleware/gin"
	"github.com/ulule/limiter/v3/drivers/store/memory"
	_ "modernc.org/sqlite"
)

const columns = "id, sku, name, price_cents, currency, stock, version, created_at, updated_at"

type product struct {
	ID         string `json:"id"`
	SKU        string `json:"sku"`
	Name       string `json:"name"`
	PriceCents int64  `json:"price_cents"`
	Currency   string `json:"currency"`
	Stock      int64  `json:"stock"`
	Version    int64  `json:"version"`
	CreatedAt  string `json:"created_at"`
	UpdatedAt  string `json:"updated_at"`
}

func scan(row interface{ Scan(...any) error }) (product, error) {
	var p product
	err := row.Scan(&p.ID, &p.SKU, &p.Name, &p.PriceCents, &p.Currency, &p.Stock, &p.Version, &p.CreatedAt, &p.UpdatedAt)
	return p, err
}

func equip(router *gin.Engine) {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "http_request_duration_seconds", Help: "Duration of requests.",
	}, []string{"method", "route", "status"})
	prometheus.MustRegister(duration)
	router.Use(sloggin.New(slog.New(slog.NewJSONHandler(os.Stdout, nil))))
	router.Use(func(c *gin.Context) {
		started := time.Now()
		c.Next()
		status := strconv.Itoa(c.Writer.Status())
		duration.WithLabelValues(c.Request.Method, c.FullPath(), status).Observe(time.Since(started).Seconds())
	})
	router.Use(secure.New(secure.Config{
		FrameDeny: true, ContentTypeNosniff: true, ContentSecurityPolicy: "default-src 'none'", ReferrerPolicy: "no-referrer",
	}))
	rate := limiter.Rate{Period: time.Minute, Limit: 100_000_000}
	router.Use(limitergin.NewMiddleware(limiter.New(memory.NewStore(), rate)))
	router.GET("/metrics", gin.WrapH(promhttp.Handler()))
}

func main() {
	db, err := sql.Open("sqlite", os.Getenv("DATABASE")+"?_pragma=journal_mode(WAL)")
	if err != nil {
		log.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New()
	router.Use(gin.Recovery())
	if os.Getenv("EQUIPPED") == "1" {
		equip(router)
	}

	router.GET("/livez", func(c *gin.Context) {
		c.JSON(http.StatusOK, gin.H{"status": "ok"})
	})

	router.GET("/v1/products", func(c *gin.Context) {
		lowest, _ := strconv.ParseInt(c.Query("min_price"), 10, 64)
		rows, err := db.QueryContext(c, "SELECT "+columns+
			" FROM products WHERE price_cents >= ? ORDER BY created_at DESC, id DESC LIMIT 21", lowest)
		if err != nil {
			_ = c.AbortWithError(http.StatusInternalServerError, err)
			return
		}
		defer rows.Close()
		items := make([]product, 0, 21)
		for rows.Next() {
			item, err := scan(rows)
			if err != nil {
				_ = c.AbortWithError(http.StatusInternalServerError, err)
				return
			}
			items = append(items, item)
		}
		c.JSON(http.StatusOK, gin.H{"items": items[:min(20, len(items))], "next_cursor": nil})
	})

	router.GET("/v1/products/:id", func(c *gin.Context) {
		item, err := scan(db.QueryRowContext(c, "SELECT "+columns+" FROM products WHERE id = ?", c.Param("id")))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			c.JSON(http.StatusNotFound, gin.H{"error": "not found"})
		case err != nil:
			_ = c.AbortWithError(http.StatusInternalServerError, err)
		default:
			c.JSON(http.StatusOK, item)
		}
	})

	log.Fatal(router.Run("127.0.0.1:" + os.Getenv("PORT")))
}
