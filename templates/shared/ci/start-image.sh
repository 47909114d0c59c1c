cp .env.example .env
echo "SERVICE_USER=$(id -u):$(id -g)" >> .env
mkdir -p var
openssl genrsa -out var/jwt-private-key.pem 2048
docker compose --profile service up --detach
