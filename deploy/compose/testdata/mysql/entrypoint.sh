#!/bin/bash
set -euo pipefail

server=(mariadbd --no-defaults --datadir=/var/lib/mysql --socket=/var/run/mysqld/mysqld.sock --bind-address=0.0.0.0)
for argument in "$@"; do
	case $argument in
	--mysqlx=OFF | --disable-log-bin) ;; # MariaDB has neither
	*) server+=("$argument") ;;
	esac
done

if [ ! -d /var/lib/mysql/mysql ]; then
	mariadb-install-db --no-defaults --datadir=/var/lib/mysql --auth-root-authentication-method=normal --skip-test-db
	"${server[@]}" --bootstrap <<-EOSQL
		FLUSH PRIVILEGES;
		ALTER USER 'root'@'localhost' IDENTIFIED BY '$(<"$MYSQL_ROOT_PASSWORD_FILE")';
		CREATE DATABASE \`$MYSQL_DATABASE\` CHARACTER SET utf8mb4;
		CREATE USER '$MYSQL_USER'@'%' IDENTIFIED BY '$(<"$MYSQL_PASSWORD_FILE")';
		GRANT ALL ON \`$MYSQL_DATABASE\`.* TO '$MYSQL_USER'@'%';
	EOSQL
fi
exec "${server[@]}"
