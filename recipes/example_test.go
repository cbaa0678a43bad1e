package recipes_test

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/typedsecret/typedsecret"
	"github.com/typedsecret/typedsecret/sqlsecret"
)

// DBCreds are keys that RDS puts into a secret.
type DBCreds struct {
	Username string `json:"username"`
	Password string `json:"password"`
	Host     string `json:"host"`
	Port     int    `json:"port"`
	Database string `json:"dbname"`
}

var creds = typedsecret.New[DBCreds]("prod/db")

// PostgreSQL by database/sql. The examples are compiled only, since they need a
// database; cd integration && go test ./... runs the like of this one.
func Example_postgreSQL() {
	db := sqlsecret.OpenDB(creds, func(c DBCreds) (driver.Connector, error) {
		config, err := pgx.ParseConfig(fmt.Sprintf("host=%s port=%d dbname=%s sslmode=verify-full", c.Host, c.Port, c.Database))
		if err != nil {
			return nil, err
		}
		config.User, config.Password = c.Username, c.Password
		return stdlib.GetConnector(*config), nil
	})
	defer db.Close()

	if err := db.PingContext(context.Background()); err != nil {
		fmt.Println(err)
	}
}

func Example_mySQL() {
	db := sqlsecret.OpenDB(creds, func(c DBCreds) (driver.Connector, error) {
		config := mysql.NewConfig()
		config.User, config.Passwd = c.Username, c.Password
		config.Net, config.Addr, config.DBName = "tcp", fmt.Sprintf("%s:%d", c.Host, c.Port), c.Database
		config.TLSConfig = "true"
		return mysql.NewConnector(config)
	})
	defer db.Close()

	if err := db.PingContext(context.Background()); err != nil {
		fmt.Println(err)
	}
}
