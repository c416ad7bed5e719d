# Asks the service for one image and fails unless it gets one. Takes everything from the environment, the
# credentials among it, and nothing as an argument: every user of the machine can read the arguments of all
# processes. That is why this is not wget, which takes credentials in no other way.
set -eu

# base64 breaks long lines.
authorization=$(printf '%s:%s' "$API_USERNAME" "$API_PASSWORD" | base64 | tr -d '\n')

mkfifo request
nc "$GATEWAY_ADDRESS" "$GATEWAY_PORT" < request > answer &
client=$!
# Open until the answer is there: nc passes the end of its input on, and a gateway takes that for a client
# that has gone away.
exec 3> request
{
    printf 'POST %s HTTP/1.1\r\n' "$REQUEST_PATH"
    printf 'Host: %s\r\n' "$REQUEST_HOST"
    printf 'Authorization: Basic %s\r\n' "$authorization"
    printf 'Content-Type: application/json\r\n'
    printf 'Content-Length: %s\r\n' "$REQUEST_LENGTH"
    printf 'Connection: close\r\n'
    printf '\r\n%s' "$REQUEST_BODY"
} >&3
wait "$client"
exec 3>&-

read -r _ status _ < answer || status="no answer"
if [ "$status" != 200 ]; then
    echo "no image: $status" >&2
    tail -c 500 answer >&2
    exit 1
fi
if ! grep -q '"images": *\[ *"' answer; then
    echo "no image in the answer: $(tail -c 500 answer)" >&2
    exit 1
fi
echo "got an image in $(wc -c < answer) bytes"
