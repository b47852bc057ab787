"""A FastAPI application as a Lambda handler."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/items/{item}")
def read(item: str, q: str = "") -> dict[str, str]:
    return {"item": item, "q": q}


handler = Mangum(app, lifespan="off")
