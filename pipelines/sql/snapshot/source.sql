SELECT slug, name, publisher, channel, kind FROM source ORDER BY slug
